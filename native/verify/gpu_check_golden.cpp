#include <fmt/format.h>

#include "base/error.h"
#include "engine/pipeline_stage.h"
#include "verify/check_list.h"
#include "verify/golden.h"

namespace relievo {

std::vector<DeviceCheck> check_golden(const Worker& worker, const std::filesystem::path& folder,
                                      const Control& control, const TellCheck& tell) {
  CheckList list(device_name(worker), control, tell, 2);
  const auto check = [&](const std::string& name, const std::string& precision) {
    list.run("golden in " + name, "of the tolerance", 1, [&](DeviceCheck& line) {
      Execution execution = execution_for(worker, precision);
      execution.control.cancel = control.cancel;
      const GoldenReport report = run_golden(folder, execution);
      if (report.worst.empty()) {
        throw Error(ErrorCode::kIo,
                    fmt::format("No case in '{}' can be computed on a device.", folder.string()),
                    "Name a folder with fixtures of networks.");
      }
      const Comparison& worst = report.worst.front();
      line.number = badness(worst);
      line.note = fmt::format("{}, {} cases, {} failed; the worst is {} of {}", precision, report.cases,
                              report.failed, worst.tensor, worst.case_name);
      if (std::isinf(worst.error)) line.error = fmt::format("{} of {}.", worst.tensor, worst.case_name);
    });
  };
  check("float32", "fp32");
  check("half precision", half_of(worker));
  return list.take();
}

}  // namespace relievo
