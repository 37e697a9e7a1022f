// SPDX-License-Identifier: Apache-2.0
// What a guest that hangs can still tell, even when its agent is dead: called up through QEMU's
// monitor after the verdict, when input from the host can no longer change anything that counts.
#pragma once

#include <string>

#include "harness/vm/interrupt.h"
#include "harness/vm/qemu_process.h"

namespace bioscope {

// Registers of every vCPU, then what sysrq-w (tasks in D state) and sysrq-t (all tasks) print; a
// guest that does not react to keys gets an NMI. Takes a few seconds at most.
std::string collect_hang_evidence(QemuProcess& process, const Interrupt* interrupt);

}  // namespace bioscope
