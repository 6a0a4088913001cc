// The program of the kit that is carried to a machine with a card (packaging/gpu_kit.py): what checks and
// measures, `relievo bench` included. It has neither models to fetch nor batches, and what is left out
// besides (left_out.cpp) keeps the libraries that it needs few.
#include "app/commands.h"
#include "benchmarks/native/bench_command.h"
#include "benchmarks/native/bench_networks.h"
#include "benchmarks/native/bench_pipeline.h"

int main(int argc, char** argv) {
  using namespace relievo;
  const Benches benches = network_benches();
  return run_commands(
      argc, argv,
      {{"devices", "Show what can compute here.", add_devices},
       {"gpu-check", "Compare what each device computes with what the CPU computes.", add_gpu_check},
       {"generate", "Make a mesh of each picture, as PLY.", add_generate},
       {"bench", "Measure the networks and the pipeline.",
        [&](CLI::App& parser) { return add_bench(parser, benches); }}});
}
