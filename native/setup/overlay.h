#pragma once
// [Files] Overlay= and OverlayReadOnly=: overlays besides the root's, in two halves like the root's own.
#include "setup/channel.h"
#include "setup/plan.h"

namespace tsct {

// outer: id-maps and stages the host directories that such overlays are made of.
void stage_extra_overlays(const LaunchPlan& plan, int userns_fd);

// mounter: mounts them and hands them to outer under their index in plan.mounts.
void mount_extra_overlays(const LaunchPlan& plan, const Channel& outer);

}  // namespace tsct
