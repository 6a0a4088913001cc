// The checkers: each reads a fixture's inputs, computes with our code and compares. One a folder of fixtures.
#pragma once

#include "verify/fixture.h"

namespace relievo {

void check_camera(Fixture& fixture);
void check_checkpoint_files(Fixture& fixture);
void check_dino_encoder(Fixture& fixture);
void check_flexicubes(Fixture& fixture);
void check_lrm_mesh(Fixture& fixture);
void check_lrm_nerf(Fixture& fixture);
void check_marching_cubes(Fixture& fixture);
void check_multiview_pipeline(Fixture& fixture);
void check_preprocess(Fixture& fixture);
void check_ref_unet(Fixture& fixture);
void check_scaling(Fixture& fixture);
void check_schedulers(Fixture& fixture);
void check_synthesizer_mesh(Fixture& fixture);
void check_synthesizer_nerf(Fixture& fixture);
void check_text_encoder(Fixture& fixture);
void check_triplane_transformer(Fixture& fixture);
void check_triposr_end_to_end(Fixture& fixture);
void check_triposr_image_tokenizer(Fixture& fixture);
void check_triposr_isosurface(Fixture& fixture);
void check_triposr_preprocess(Fixture& fixture);
void check_triposr_transformer(Fixture& fixture);
void check_triposr_upsample_decoder(Fixture& fixture);
void check_u2netp(Fixture& fixture);
void check_unet(Fixture& fixture);
void check_vae(Fixture& fixture);
void check_vision_encoder(Fixture& fixture);

}  // namespace relievo
