// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/finding.h"

#include <fmt/format.h>

namespace bioscope {

std::string to_text(const Signature& signature) {
  const auto part = [](const std::string& text) { return text.empty() ? std::string("-") : text; };
  std::string text = fmt::format("{}/{}/{}", part(signature.rule), part(signature.target),
                                 part(signature.operation));
  if (!signature.place.empty()) text += "/" + signature.place;
  return text;
}

std::string_view word_of(FindingKind kind) {
  switch (kind) {
    case FindingKind::Violation:
      return "violation";
    case FindingKind::Hazard:
      return "hazard";
    case FindingKind::NotJudged:
      return "not judged";
  }
  return "";
}

}  // namespace bioscope
