// SPDX-License-Identifier: Apache-2.0
// What a subject that does everything right returns: the specification plays a trace by itself. It
// is how `--on spec` plays, and how tests get a right history to spoil.
#pragma once

#include "models/trace/history.h"
#include "models/trace/trace.h"

namespace bioscope {

// Operations are played one at a time, in an order that the trace's edges allow; one that would
// wait for ever returns when nothing else can. `can` stays empty. REQUIRES: a legal trace. Pure.
History perfect_history(const Trace& trace);

// Whether one of them would: I/O on a device that nobody resumes, for instance. Even a subject that
// does everything right then hangs. A hold that nothing releases is not noticed. REQUIRES: a legal
// trace. Pure.
bool waits_for_ever(const Trace& trace);

}  // namespace bioscope
