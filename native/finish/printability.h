// Checks whether a surface can be printed.
#pragma once

#include <string>
#include <vector>

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

/// A wall that is thinner breaks or is left out by most printers that melt plastic.
inline constexpr double kThinWall = 0.8;  // millimetres

/// What a printer meets. Lengths are millimetres.
struct PrintReport {
  bool closed = false;    ///< the surface is watertight and manifold
  int pieces = 0;         ///< parts that are not connected
  double least_wall = 0;  ///< the thinnest wall; 0 where the surface is not closed
  /// The share of the surface that hangs over by more than 45 degrees and does not lie on the bed.
  double overhang = 0;
  Float3 size{};  ///< along x, y and z

  bool is_printable() const { return closed && pieces == 1 && least_wall >= kThinWall; }
};

/// Judges a surface in metres that stands with its lowest place on the bed. A wall is measured from the
/// middle of each face straight through the body, where the surface on the other side looks away (shape
/// diameter; Shapira, Shamir and Cohen-Or 2008): edges, which end in nothing, are no walls. Throws
/// Error{kCancelled}.
PrintReport print_report(const Surface& surface, const CancelToken& cancel = {});

/// The report in sentences: what it found, and what to do about it.
std::vector<std::string> sentences_of(const PrintReport& report);

}  // namespace relievo
