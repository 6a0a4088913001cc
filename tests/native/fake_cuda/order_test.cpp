// What is not in an order that a GPU would keep is found, and what is, is not.
#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <gmock/gmock.h>

#include "fake_cuda.h"

namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const at::Device kFirst(at::kCUDA, 0), kSecond(at::kCUDA, 1);

class FakeCudaOrder : public testing::Test {
 protected:
  FakeCudaOrder() { fake_cuda::set_devices({{}, {}}); }

  const c10::impl::VirtualGuardImpl cuda_{at::kCUDA};
  const c10::Stream one_ = cuda_.getNewStream(kFirst), other_ = cuda_.getNewStream(kFirst);
};

at::Tensor made_on(const c10::Stream& stream) {
  const c10::StreamGuard guard(stream);
  return at::ones({4}, stream.device());
}

void read_on(const c10::Stream& stream, const at::Tensor& tensor) {
  const c10::StreamGuard guard(stream);
  static_cast<void>(tensor + 1);
}

TEST_F(FakeCudaOrder, AStreamThatDoesNotWaitForTheWriterIsFound) {
  const at::Tensor tensor = made_on(one_);
  read_on(one_, tensor);
  EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
  read_on(other_, tensor);
  EXPECT_THAT(fake_cuda::take_findings(),
              ElementsAre(AllOf(HasSubstr("'aten::add'"), HasSubstr("does not wait for 'aten::fill_'"))));
  cuda_.synchronizeStream(other_);  // or the end of the tensor is a finding, too
}

TEST_F(FakeCudaOrder, AWriterThatDoesNotWaitForTheReaderIsFound) {
  at::Tensor tensor = made_on(one_);
  cuda_.synchronizeStream(one_);
  read_on(other_, tensor);
  {
    const c10::StreamGuard guard(one_);
    tensor.add_(1);
  }
  EXPECT_THAT(fake_cuda::take_findings(), ElementsAre(HasSubstr("does not wait for 'aten::add'")));
  cuda_.synchronizeStream(other_);
}

TEST_F(FakeCudaOrder, TheHostsWaitIsAnOrder) {
  const at::Tensor tensor = made_on(one_);
  cuda_.synchronizeStream(one_);
  read_on(other_, tensor);
  cuda_.synchronizeStream(other_);
  EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
}

TEST_F(FakeCudaOrder, AnEventIsAnOrder) {
  const at::Tensor tensor = made_on(one_);
  c10::Event event(at::kCUDA);
  event.record(one_);
  event.block(other_);
  read_on(other_, tensor);
  tensor.record_stream(other_);
  EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
}

TEST_F(FakeCudaOrder, ACopyToTheHostWaits) {
  const at::Tensor tensor = made_on(one_);
  {
    const c10::StreamGuard guard(one_);
    EXPECT_EQ(tensor.cpu()[0].item<float>(), 1);
  }
  read_on(other_, tensor);
  cuda_.synchronizeStream(other_);
  EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
}

TEST_F(FakeCudaOrder, MemoryThatIsFreedWhileAnotherStreamReadsItIsFound) {
  at::Tensor tensor = made_on(one_);
  cuda_.synchronizeStream(one_);
  read_on(other_, tensor);
  tensor.reset();
  EXPECT_THAT(fake_cuda::take_findings(), ElementsAre(HasSubstr("is freed while 'aten::add'")));
}

TEST_F(FakeCudaOrder, UnlessTheAllocatorKnowsOfTheStream) {
  at::Tensor tensor = made_on(one_);
  cuda_.synchronizeStream(one_);
  read_on(other_, tensor);
  tensor.record_stream(other_);
  tensor.reset();
  EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
}

TEST_F(FakeCudaOrder, ACopyBetweenDevicesWaitsForBoth) {
  const at::Tensor here = made_on(one_);
  const c10::StreamGuard from(one_);
  const at::Tensor there = here.to(kSecond);
  read_on(cuda_.getStream(kSecond), there);
  EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
}

}  // namespace
