#include "app/curl_transport.h"
#include "app/program.h"

int main(int argc, char** argv) {
  return relievo::run_program(argc, argv, [](const std::filesystem::path& certificates) {
    return std::make_unique<relievo::CurlTransport>(certificates);
  });
}
