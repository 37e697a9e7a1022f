// SPDX-License-Identifier: Apache-2.0
// Histories written by hand for tests of concurrent lanes: operations by label, in any order.
#pragma once

#include <string_view>

#include "models/spec/model.h"
#include "models/trace/order.h"
#include "models/trace/text.h"

namespace bioscope {

class Script {
 public:
  explicit Script(std::string_view lines, Capabilities can = {})
      : trace_(parse_trace(lines, "script").value()), model_(trace_, can) {}

  OperationId id(std::string_view label) const { return find_labelled(trace_, label).value(); }

  // Every operation of the first lane before the labelled one, rightly.
  void play_until(std::string_view label) {
    for (OperationId at = 0; at < id(label); ++at) play(at);
  }
  // One operation, rightly.
  void play(OperationId at) {
    apply(at, EventKind::Invoke, {});
    model_.apply(model_.expected(at));
  }
  void invoke(std::string_view label) { apply(id(label), EventKind::Invoke, {}); }

  Verdict returns(std::string_view label, int error = 0, std::string text = "") {
    Event event;
    event.error = error;
    event.text = std::move(text);
    if (error == 0) event.count_sectors = operation_at(trace_, id(label)).range.count_sectors;
    return apply(id(label), EventKind::Return, std::move(event));
  }
  // A read that saw what the labelled write put there; an empty label is zeroes.
  Verdict reads(std::string_view label, std::string_view writer) {
    Event event;
    const Range range = operation_at(trace_, id(label)).range;
    event.count_sectors = range.count_sectors;
    Sector first = Zero{};
    if (!writer.empty()) first = Stamp{id(writer), range.first_sector, trace_.seed};
    event.data = {{range.count_sectors, first}};
    return apply(id(label), EventKind::Return, std::move(event));
  }
  Model& model() { return model_; }

 private:
  Verdict apply(OperationId operation, EventKind kind, Event event) {
    event.operation = operation;
    event.kind = kind;
    return model_.apply(event);
  }

  Trace trace_;
  Model model_;
};

}  // namespace bioscope
