// schedulers and zero123: the multi-view diffusion and its parts.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "multiview/config.h"
#include "multiview/multiview.h"
#include "multiview/older_names.h"
#include "nn/tensors.h"
#include "verify/byte_tensor.h"
#include "verify/checks.h"

namespace relievo {
namespace {

using nlohmann::json;

constexpr Tolerance kSchedule{.relative = 1e-5};
constexpr Tolerance kActivations{.absolute = 1e-4};
constexpr Tolerance kBlocks{.relative = 1e-4};

Diffusion diffusion_of(json settings, const std::string& schedule, const std::string& spacing,
                       const std::string& prediction) {
  settings["beta_schedule"] = schedule;
  settings["timestep_spacing"] = spacing;
  settings["prediction_type"] = prediction;
  return diffusion_config(settings);
}

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts{""};
  for (const char c : name) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// `<schedule>/<spacing>/<steps>/{timesteps,sigmas}`.
void check_levels(Fixture& fixture, const std::string& name) {
  const auto parts = parts_of(name);
  const json& config = fixture.config();
  const Diffusion diffusion = diffusion_of(config.at("base"), parts[0], parts[1], "v_prediction");
  const NoiseLevels levels = noise_levels(diffusion, std::stoi(parts[2]));
  const at::Tensor ours = at::tensor(parts[3] == "sigmas" ? levels.sigmas : levels.timesteps);
  if (parts[3] == "timesteps") {
    fixture.compare(name, ours, {});
    const double theirs =
        config.at("cases").at(parts[0] + "/" + parts[1] + "/" + parts[2]).at("init_noise_sigma");
    fixture.record(name, std::abs(levels.initial_sigma - theirs) / theirs, 1e-5);
    return;
  }
  // Each sigma relative to itself.
  const at::Tensor theirs = fixture.read(name);
  const at::Tensor error = (ours - theirs).abs() / theirs.abs().clamp_min(1e-30);
  fixture.record(name, error.max().item<double>(), 1e-5);
}

/// `run/<schedule>/<prediction>/`: a whole run with the stand-in model of the fixture's note.
void check_run(Fixture& fixture, const std::string& prefix) {
  const auto parts = parts_of(prefix);
  const Diffusion diffusion = diffusion_of(fixture.config().at("base"), parts[1], "trailing", parts[2]);
  const at::Tensor noise = fixture.read(prefix + "noise_steps");
  const int steps = static_cast<int>(noise.size(0));
  Sampler sampler(SamplerKind::kEulerAncestral, diffusion.prediction, noise_levels(diffusion, steps));
  at::Tensor x = fixture.read(prefix + "noise_init") * sampler.initial_sigma();
  std::vector<at::Tensor> inputs, outputs, samples, cleans;
  for (int i = 0; i < steps; ++i) {
    inputs.push_back(sampler.input(x, i));
    outputs.push_back(inputs.back() * 0.3 + 0.1 * (sampler.timestep(i) / 1000) -
                      at::roll(inputs.back(), 1, -1) * 0.2);
    cleans.push_back(sampler.clean(x, outputs.back(), i));
    x = sampler.step(x, outputs.back(), i, noise[i]);
    samples.push_back(x);
  }
  fixture.compare(prefix + "scaled_inputs", at::stack(inputs), kSchedule);
  fixture.compare(prefix + "model_out", at::stack(outputs), kSchedule);
  fixture.compare(prefix + "samples", at::stack(samples), kSchedule);
  fixture.compare(prefix + "pred_x0", at::stack(cleans), kSchedule);
}

/// `addnoise/<schedule>/`: latents noised at several steps.
void check_added_noise(Fixture& fixture, const std::string& prefix) {
  const Diffusion diffusion =
      diffusion_of(fixture.config().at("base"), parts_of(prefix)[1], "trailing", "v_prediction");
  const at::Tensor clean = fixture.read("addnoise/cond_lat"), noise = fixture.read("addnoise/noise");
  const at::Tensor times = fixture.read(prefix + "t");
  std::vector<at::Tensor> noisy, scaled;
  for (int64_t i = 0; i < times.numel(); ++i) {
    const double sigma = sigma_at(diffusion, times[i].item<int>());
    scaled.push_back(noised_input(clean, noise, sigma));
    noisy.push_back(scaled.back() * std::hypot(sigma, 1.0));
  }
  fixture.compare(prefix + "euler_noisy", at::stack(noisy), kSchedule);
  fixture.compare(prefix + "euler_noisy_scaled", at::stack(scaled), kSchedule);
  fixture.compare(prefix + "ddpm_noisy", at::stack(scaled), kSchedule);
}

}  // namespace

void check_schedulers(Fixture& fixture) {
  for (const std::string& name : fixture.tensors()) {
    const auto parts = parts_of(name);
    const std::string folder = name.substr(0, name.rfind('/') + 1);
    if (parts[0] == "run") {
      if (parts.back() == "noise_init") check_run(fixture, folder);
    } else if (parts[0] == "addnoise") {
      if (parts.back() == "t") check_added_noise(fixture, folder);
    } else if (parts.size() == 4) {
      check_levels(fixture, name);
    } else {
      const Diffusion diffusion =
          diffusion_of(fixture.config().at("base"), parts[0], "trailing", "v_prediction");
      fixture.compare(name, parts[1] == "betas" ? beta_values(diffusion) : cumulative_alphas(diffusion),
                      {.absolute = 1e-6});
    }
  }
}

namespace {

template <typename Network>
void load(Network& network, const TensorFile& file, const Execution& execution = {}) {
  load_strict(network, with_present_names(file), "", execution);
}

/// The fixture folder `name` beside this one, whose weights and configuration this one refers to.
Fixture neighbour(const Fixture& fixture, const std::string& name) {
  return {"zero123/" + name, fixture.folder() / ".." / name};
}

Observer comparing(Fixture& fixture, const std::string& prefix, Tolerance tolerance) {
  if (fixture.is_half()) return {};  // what comes out in the end is what counts
  return [&fixture, prefix, tolerance](const std::string& name, const at::Tensor& value) {
    if (fixture.has(prefix + name)) fixture.compare(prefix + name, value, tolerance);
  };
}

/// A module's name as the fixtures shorten it: `down_blocks.0.attentions.0.transformer_blocks.0.ff` is
/// `down0.attn0.ff`.
std::string short_name(std::string name) {
  const std::pair<const char*, const char*> parts[] = {{"down_blocks.", "down"},      {"up_blocks.", "up"},
                                                       {"mid_block", "mid"},          {"resnets.", "resnet"},
                                                       {".transformer_blocks.0", ""}, {"attentions.", "attn"},
                                                       {"time_embedding", "time_emb"}};
  for (const auto& [full, brief] : parts) {
    const size_t at = name.find(full);
    if (at != std::string::npos) name.replace(at, std::string(full).size(), brief);
  }
  return name;
}

}  // namespace

void check_text_encoder(Fixture& fixture) {
  ClipText text(text_config(fixture.config().at("config")));
  load(text, fixture.weights());
  const at::Tensor ids = fixture.read("input_ids");
  fixture.compare("last_hidden_state", text.forward(ids, comparing(fixture, "", kActivations)), kActivations);
  // Row 0 is the empty prompt.
  const at::Tensor error = (text.empty_prompt()[0] - fixture.read("last_hidden_state")[0]).abs().max();
  fixture.record("last_hidden_state", error.item<double>(), kActivations.absolute);
}

void check_vision_encoder(Fixture& fixture) {
  ClipVision vision(vision_config(fixture.config().at("config")));
  load(vision, fixture.weights(), fixture.execution());
  fixture.compare("image_embeds",
                  vision.forward(fixture.input("pixel_values"), comparing(fixture, "", kActivations)),
                  kActivations);
}

void check_vae(Fixture& fixture) {
  const VaeConfig config = vae_config(fixture.config().at("config"));
  Vae vae(config);
  load(vae, fixture.weights(), fixture.execution());
  const Observer observer = comparing(fixture, "", kBlocks);
  const at::Tensor moments = vae.moments(fixture.input("image"), {}, observer);
  fixture.compare("moments", moments, kBlocks);
  if (!fixture.is_half()) {  // the product computes these in float32
    const LatentDistribution distribution = Vae::distribution(moments);
    fixture.compare("mode", distribution.mean, kBlocks);
    fixture.compare("logvar", distribution.log_variance, kBlocks);
    fixture.compare("std", distribution.deviation(), kBlocks);
    fixture.compare("sample", distribution.sample(fixture.input("noise")), kBlocks);
  }
  fixture.compare("decoded", vae.decode(fixture.input("latents"), {}, observer), kBlocks);

  const std::filesystem::path legacy = fixture.folder() / "weights_legacy_names.safetensors";
  if (!std::filesystem::exists(legacy) || fixture.is_half()) return;
  Vae older(config);
  load(older, read_safetensors(legacy));
  const auto present = vae.named_parameters();
  for (const auto& item : older.named_parameters()) {
    const at::Tensor rounded = present[item.key()].to(at::kCPU).to(at::kHalf).to(at::kFloat);
    if (!item.value().equal(rounded)) fixture.fail("", item.key() + " is another in the older file");
  }
}

void check_unet(Fixture& fixture) {
  Unet unet(unet_config(fixture.config().at("config")));
  load(unet, fixture.weights(), fixture.execution());
  fixture.for_each_case([&](const std::string& name) {
    const std::string prefix = name + "/";
    const KeyValues prompt = unet.prompt(fixture.input(prefix + "encoder_hidden_states"));
    UnetPass pass;
    const Observer observer = comparing(fixture, prefix, kBlocks);
    if (observer)
      pass.observer = [&](const std::string& module, const at::Tensor& value) {
        observer(short_name(module), value);
      };
    const double t = fixture.config().at("t").at(name);
    fixture.compare(prefix + "out", unet.forward(fixture.input(prefix + "sample"), {}, t, prompt, pass),
                    kBlocks);
  });
}

void check_ref_unet(Fixture& fixture) {
  Fixture weights = neighbour(fixture, "unet");
  Unet unet(unet_config(weights.config().at("config")));
  load(unet, weights.weights());
  const at::Tensor sample = fixture.read("sample"), states = fixture.read("encoder_hidden_states");
  const at::Tensor clean = fixture.read("cond_lat"), noise = fixture.read("cond_noise");
  const json& scheduler = fixture.config().at("scheduler");
  const Diffusion diffusion = diffusion_of(scheduler, scheduler.at("beta_schedule"),
                                           scheduler.at("timestep_spacing"), scheduler.at("prediction_type"));
  const KeyValues prompt = unet.prompt(states);
  for (const std::string& name : fixture.tensors()) {
    const std::string suffix = "/noisy_cond_lat";
    if (!name.ends_with(suffix)) continue;
    const std::string prefix = name.substr(0, name.size() - suffix.size()) + "/";  // t999/pipeline/
    const int t = std::stoi(name.substr(1));
    // "pipeline": each row sees its own reference; "cfg_guidance": the first row has none.
    const int64_t first = prefix.find("cfg_guidance") != std::string::npos ? 1 : 0;
    const int64_t count = sample.size(0) - first;
    const at::Tensor noisy = noised_input(clean, noise, sigma_at(diffusion, t)).narrow(0, first, count);
    fixture.compare(name, noisy, kSchedule);
    const KeyValues rows = batch_rows(prompt, first, count);
    UnetPass pass;
    pass.reference_observer = comparing(fixture, prefix + "ref/", kBlocks);
    at::Tensor out = unet.forward(sample.narrow(0, first, count), noisy, t, rows, pass);
    if (first > 0) {
      const KeyValues own = batch_rows(prompt, 0, first);
      out = at::cat({unet.forward(sample.narrow(0, 0, first), {}, t, own), out});
    }
    fixture.compare(prefix + "out", out, kBlocks);
  }
}

void check_scaling(Fixture& fixture) {
  const at::Tensor x = fixture.read("x");
  fixture.compare("scale_latents", scale_latents(x), kSchedule);
  fixture.compare("unscale_latents", unscale_latents(x), kSchedule);
  fixture.compare("scale_image", scale_image(x), kSchedule);
  fixture.compare("unscale_image", unscale_image(x), kSchedule);
}

namespace {

MultiviewModel tiny_model(const Fixture& fixture) {
  const json& config = fixture.config();
  const json& scheduler = config.at("scheduler");
  const auto loaded = [&]<typename Network>(const std::string& name, auto read_config, Network*) {
    const Fixture folder = neighbour(fixture, name);
    const auto network = std::make_shared<Network>(read_config(folder.config().at("config")));
    load(*network, folder.weights());
    return network;
  };
  MultiviewModel model;
  model.unet = loaded("unet", unet_config, static_cast<Unet*>(nullptr));
  const std::shared_ptr<const Vae> vae = loaded("vae", vae_config, static_cast<Vae*>(nullptr));
  model.decoder = vae;
  model.condition.vae = vae;
  model.condition.vision = loaded("vision_encoder", vision_config, static_cast<ClipVision*>(nullptr));
  model.condition.empty_prompt =
      loaded("text_encoder", text_config, static_cast<ClipText*>(nullptr))->empty_prompt()[0];
  model.condition.ramp = at::tensor(config.at("ramping_coefficients").get<std::vector<float>>());
  model.diffusion = diffusion_of(scheduler, scheduler.at("beta_schedule"), scheduler.at("timestep_spacing"),
                                 scheduler.at("prediction_type"));
  model.condition.clip = extractor_config(config.at("feature_extractor_clip"));
  model.condition.picture = extractor_config(config.at("feature_extractor_vae"));
  model.latent_factor = config.at("vae_scaling_factor");
  return model;
}

/// Compares an 8-bit picture: how far most pixels are off, and how many are off by more.
void compare_bytes(Fixture& fixture, const std::string& name, const at::Tensor& ours) {
  const at::Tensor theirs = fixture.read(name);
  if (ours.sizes() != theirs.sizes()) return fixture.record(name, INFINITY, 0);
  const at::Tensor error = (ours.to(at::kInt) - theirs.to(at::kInt)).abs();
  fixture.record(name, error.max().item<double>(), 2);
  fixture.record(name, (error > 1).to(at::kFloat).mean().item<double>(), 1e-3);
}

}  // namespace

void check_multiview_pipeline(Fixture& fixture) {
  const json& config = fixture.config();
  const MultiviewModel model = tiny_model(fixture);
  MultiviewSettings settings;
  settings.steps = config.at("steps");
  settings.guidance = config.at("guidance_scale");
  settings.view_size = config.at("width").get<int>() / 2;

  // In the order in which the published pipeline draws: the picture's, the zero picture's, the latents', then
  // the reference's and the sampler's of each step.
  const std::vector<std::string> drawn = fixture.tensors("noise/");
  MultiviewHooks hooks;
  hooks.noise = [&](NoiseUse use, int step, at::IntArrayRef) {
    const size_t at = use == NoiseUse::kReference   ? 3 + 2 * static_cast<size_t>(step)
                      : use == NoiseUse::kAncestral ? 4 + 2 * static_cast<size_t>(step)
                                                    : static_cast<size_t>(use);
    return fixture.read(drawn.at(at));
  };
  hooks.observer = [&](const std::string& name, const at::Tensor& value) {
    if (!fixture.has(name)) return;
    Tolerance tolerance = kBlocks;
    if (name.starts_with("pixel_values")) tolerance = {.absolute = 1e-5};
    if (name.ends_with("/t")) tolerance = {};
    if (name.ends_with("/unet_in") || name.ends_with("/latents_after")) tolerance = {.absolute = 2e-3};
    if (name.ends_with("/unet_out")) tolerance = {.absolute = 2e-3};
    if (name == "decode_in") tolerance = {.absolute = 1e-2};
    if (name == "decode_out") tolerance = {.absolute = 1e-2};
    if (name == "image_np") tolerance = {.absolute = 5e-3};
    fixture.compare(name, value, tolerance);
  };
  const ByteImage rgb = paste_on_white(bytes_from_tensor(fixture.read("input_rgba")));
  const ByteImage grid = paint_view_grid(rgb, {}, model, settings, {}, hooks);
  compare_bytes(fixture, "image_u8", tensor_from_bytes(grid));
}

}  // namespace relievo
