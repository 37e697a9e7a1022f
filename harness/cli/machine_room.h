// SPDX-License-Identifier: Apache-2.0
// The kernel that is asked for, and the machines that it is played on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/house.h"
#include "harness/kernel/kernel.h"
#include "harness/subject/kernel_subject.h"
#include "harness/vm/interrupt.h"
#include "models/base/result.h"

namespace bioscope {

struct KernelChoice {
  std::string kernel = "debian";       // or the path of a bzImage
  std::optional<std::string> modules;  // folder
};

class MachineRoom {
 public:
  // Fetches the kernel, builds the guest's image and makes a subject for each profile ("det" or
  // "smp"). Could not judge: see there. REQUIRES: house and interrupt outlive the room.
  static Result<MachineRoom> open(const House& house, const KernelChoice& choice,
                                  const std::vector<std::string>& profiles,
                                  const Interrupt& interrupt,
                                  const std::function<void(std::string_view)>& say);

  const Kernel& kernel() const { return kernel_; }
  KernelSubject& subject(const std::string& profile) { return *subjects_.at(profile); }
  // "kernel 6.1.0-1-cloud-amd64 (6.1.192-2)"
  std::string description() const;
  const std::vector<std::string>& replaced_modules() const { return replaced_modules_; }

 private:
  Kernel kernel_;
  std::vector<std::string> replaced_modules_;
  std::map<std::string, std::unique_ptr<KernelSubject>> subjects_;
};

// Raised by SIGINT and SIGTERM from the first call on.
const Interrupt& interrupt_by_signals();

}  // namespace bioscope
