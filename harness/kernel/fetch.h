// SPDX-License-Identifier: Apache-2.0
// Debian's stock cloud kernel: found through apt, downloaded as a package, unpacked into the cache
// and never installed. Whatever 6.1.y-N is the kernel of the day is taken.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "harness/kernel/kernel.h"
#include "models/base/result.h"

namespace bioscope {

// The kernel of the day, from the cache when it is there; then, or when apt knows no package and a
// kernel was fetched earlier, no network is needed. `say` hears one line when a download starts.
// Could not judge: no apt, no package, no network, no space.
Result<Kernel> fetch_debian_kernel(const std::function<void(std::string_view)>& say = {});

// A kernel module is built from three packages: image, headers and source. Could not judge: they
// are not all of kernel.version, or not installed. Kernels that are no packages have no such check.
Result<void> check_build_packages(const Kernel& kernel);

// The parts of the above that can be told from text alone.
// The package that linux-image-cloud-amd64 depends on, from `apt-cache depends`; empty: none.
std::string image_package(std::string_view apt_cache_depends);
// The version that would be installed, from `apt-cache policy`; empty: none.
std::string candidate_version(std::string_view apt_cache_policy);

// Unpacks the regular files of a .deb below boot/ and lib/modules/ into `folder`.
Result<void> unpack_deb(const std::filesystem::path& deb, const std::filesystem::path& folder);

}  // namespace bioscope
