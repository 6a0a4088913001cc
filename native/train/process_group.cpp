#include "train/process_group.h"

#include <charconv>
#include <filesystem>
#include <string_view>
#include <utility>

#include <dlfcn.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "base/error.h"
#include "train/nccl/open_nccl.h"

namespace relievo {
namespace {

c10::intrusive_ptr<c10d::Store> meet(const GroupOptions& options) {
  constexpr std::string_view kFile = "file://", kTcp = "tcp://";
  const std::string_view place = options.rendezvous;
  if (place.starts_with(kFile) && place.size() > kFile.size()) {
    auto store = c10::make_intrusive<c10d::FileStore>(std::string(place.substr(kFile.size())), options.size);
    store->setTimeout(options.timeout);
    return store;
  }
  const size_t colon = place.rfind(':');
  if (place.starts_with(kTcp) && colon > kTcp.size()) {
    const std::string_view digits = place.substr(colon + 1);
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error == std::errc() && end == digits.data() + digits.size() && port > 0) {
      c10d::TCPStoreOptions tcp;
      tcp.port = port;
      tcp.isServer = options.rank == 0;
      tcp.numWorkers = size_t(options.size);
      tcp.timeout = options.timeout;
      return c10::make_intrusive<c10d::TCPStore>(std::string(place.substr(kTcp.size(), colon - kTcp.size())),
                                                 tcp);
    }
  }
  throw Error(ErrorCode::kInvalidSettings,
              "'" + options.rendezvous + "' is no place where processes can meet.",
              "Write file:///path or tcp://host:port.");
}

c10::intrusive_ptr<c10d::Backend> open_nccl(const c10::intrusive_ptr<c10d::Store>& store,
                                            const GroupOptions& options) {
  // Beside the program, by whatever name it was started.
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "librelievo_nccl.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    throw Error(
        ErrorCode::kModelMissing,
        std::string("GPUs cannot train together, for NCCL cannot be opened: ") + (why ? why : "unknown"),
        "Install the CUDA runtime with nvidia-nccl-cu13, or use Gloo.");
  }
  const auto open = reinterpret_cast<OpenNccl*>(dlsym(library, kOpenNccl));
  return open(store, options.rank, options.size, options.timeout);
}

/// Translates c10d's errors into ours.
template <typename Body>
auto translated(const Body& body) {
  try {
    return body();
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Error(ErrorCode::kDeviceLost, "Another process of the group is lost: " + error.msg(),
                "Look at that process's log, then start all of them again.");
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kDeviceLost, std::string("Another process of the group is lost: ") + error.what(),
                "Look at that process's log, then start all of them again.");
  }
}

class C10dGroup : public ProcessGroup {
 public:
  explicit C10dGroup(c10::intrusive_ptr<c10d::Backend> backend) : backend_(std::move(backend)) {}

  int rank() const override { return backend_->getRank(); }
  int size() const override { return backend_->getSize(); }

  std::function<void()> start_sum(at::Tensor tensor) override {
    return translated([&]() -> std::function<void()> {
      std::vector<at::Tensor> tensors{std::move(tensor)};
      auto work = backend_->allreduce(tensors, {});
      return [work] { translated([&] { work->wait(); }); };
    });
  }

  void broadcast(const std::vector<at::Tensor>& tensors, int root) override {
    c10d::BroadcastOptions from;
    from.rootRank = root;
    translated([&] {
      for (const at::Tensor& tensor : tensors) {
        std::vector<at::Tensor> one{tensor};
        backend_->broadcast(one, from)->wait();
      }
    });
  }

  void barrier() override {
    translated([&] { backend_->barrier({})->wait(); });
  }

 private:
  c10::intrusive_ptr<c10d::Backend> backend_;
};

}  // namespace

std::shared_ptr<ProcessGroup> ProcessGroup::open(const GroupOptions& options) {
  return translated([&]() -> std::shared_ptr<ProcessGroup> {
    const auto store = meet(options);
    if (options.backend == GroupBackend::kNccl) {
      return std::make_shared<C10dGroup>(open_nccl(store, options));
    }
    auto gloo = c10d::ProcessGroupGloo::Options::create(options.timeout);
    gloo->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
    return std::make_shared<C10dGroup>(
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, options.rank, options.size, gloo));
  });
}

}  // namespace relievo
