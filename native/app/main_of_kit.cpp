// The program of the kit that is carried to a machine with a card: without libcurl and the libraries that it
// needs, for nothing is fetched there.
#include "app/program.h"
#include "base/error.h"

int main(int argc, char** argv) {
  return relievo::run_program(
      argc, argv, [](const std::filesystem::path&) -> std::unique_ptr<relievo::Transport> {
        throw relievo::Error(relievo::ErrorCode::kInvalidSettings, "This program cannot fetch anything.",
                             "Use the program that `make build` makes.");
      });
}
