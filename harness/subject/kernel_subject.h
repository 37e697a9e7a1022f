// SPDX-License-Identifier: Apache-2.0
// A real kernel in QEMU. One batch is one boot, as long as nothing goes wrong; after a trace that
// hung, left something behind or took the guest down, the rest of the batch goes to a fresh boot.
#pragma once

#include <string>

#include "harness/subject/batch.h"
#include "harness/subject/guest_image.h"
#include "harness/vm/interrupt.h"
#include "harness/vm/machine.h"

namespace bioscope {

struct KernelSubjectConfig {
  GuestParts parts;
  Profile profile = Profile::Det;
  Accelerator accelerator = Accelerator::Tcg;
  std::string qemu = "qemu-system-x86_64";
  MachineLimits limits;
  const Interrupt* interrupt = nullptr;  // may be null; outlives the subject
};

// Thread-safe once made.
class KernelSubject final : public Subject, public BatchPlayer {
 public:
  // Could not judge: as build_guest_image().
  static Result<KernelSubject> create(KernelSubjectConfig config);

  std::string_view name() const override { return "kernel"; }
  Capabilities can() const override { return image_.can_at_most; }
  // A boot of its own. An Error when nothing is known of the trace; a guest that was lost is a
  // History that crashed.
  Result<History> play(const Job& job) override;

  BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed& on_played) override;

  // Takes KVM if a guest of this kernel boots with it; `say` hears one line if not.
  void choose_accelerator(const std::function<void(std::string_view)>& say);

  const GuestImage& image() const { return image_; }

 private:
  KernelSubject(KernelSubjectConfig config, GuestImage image)
      : config_(std::move(config)), image_(std::move(image)) {}

  // Boots once and plays from `waiting` on. Returns how many of them are settled; all of them when
  // there is no sense in another boot.
  std::size_t play_boot(std::span<const BatchJob> jobs, std::span<const std::size_t> waiting,
                        const OnPlayed& on_played, BatchOutcome& outcome);

  MachineConfig machine_with(const std::string& traces) const;

  KernelSubjectConfig config_;
  GuestImage image_;
};

}  // namespace bioscope
