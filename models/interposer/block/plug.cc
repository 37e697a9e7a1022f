// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/plug.h"

#include <utility>

#include "models/interposer/variants.h"
#include "models/runtime/run.h"
#include "models/runtime/thread.h"

namespace bioscope::blk {
namespace {

Plug* plug_of_task() {
  return static_cast<Plug*>(rt::task_slot(kPlugSlot));
}

}  // namespace

Plug::Plug() : outermost_(plug_of_task() == nullptr) {
  if (outermost_) rt::task_slot(kPlugSlot) = this;
}

Plug::~Plug() noexcept(false) {
  if (!outermost_) return;
  rt::task_slot(kPlugSlot) = nullptr;
  if (!rt::stopping()) flush();
}

bool Plug::add(Plugged& request) {
  Plug* plug = plug_of_task();
  if (plug == nullptr) return false;
  request.next_plugged = nullptr;
  (plug->last_ != nullptr ? plug->last_->next_plugged : plug->first_) = &request;
  plug->last_ = &request;
  if (++plug->count_ == kMaxPlugged) plug->flush();
  return true;
}

void Plug::flush() {
  Plugged* request = std::exchange(first_, nullptr);
  last_ = nullptr;
  count_ = 0;
  while (request != nullptr) {
    Plugged* next = request->next_plugged;
    request->issue(*request);
    request = next;
  }
}

void flush_plug() {
  if (Plug* plug = plug_of_task()) plug->flush();
}

}  // namespace bioscope::blk
