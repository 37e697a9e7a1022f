// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/variants.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace bioscope {
namespace {

constexpr std::array<DefectInfo, kDefects> kTable{{
#define BIOSCOPE_DEFECT(identifier, name, rule, where, what) \
  {Defect::identifier, name, rule, where, what},
#include "models/interposer/defects.inc"
#undef BIOSCOPE_DEFECT
}};

DefectSet set_of(std::initializer_list<Defect> defects) {
  DefectSet set;
  for (const Defect defect : defects) set.set(static_cast<std::size_t>(defect));
  return set;
}

}  // namespace

#ifdef BIOSCOPE_VARIANTS
thread_local DefectSet planted_defects;
#endif

std::span<const DefectInfo> defect_table() {
  return kTable;
}

DefectSet find_variant(std::string_view name) {
  if (name == "v8") {
    return set_of({Defect::AttachWithoutFreeze, Defect::ResumeLeavesFrozen,
                   Defect::LockForFlaggedBios, Defect::ReloadDetaches, Defect::NoLockForRecursion,
                   Defect::FlagHidesSecond, Defect::TailAppend, Defect::HelperIoRedirected,
                   Defect::RemoveSkipsOpenCheck, Defect::ReloadClearsFlag,
                   Defect::FailedAttachFlows, Defect::EmptyTableAccepted, Defect::LimitsNotChecked,
                   Defect::BracketPrefixLoose, Defect::OriginBoundaryZero});
  }
  if (name == "v9") {
    return set_of({Defect::AttachTestInverted, Defect::LockForFlaggedBios,
                   Defect::NoLockForRecursion, Defect::FlagHidesSecond, Defect::TailAppend,
                   Defect::HelperIoRedirected, Defect::LimitsNotChecked});
  }
  const auto* found = std::ranges::find(kTable, name, &DefectInfo::name);
  return found == kTable.end() ? DefectSet{} : set_of({found->defect});
}

}  // namespace bioscope
