// SPDX-License-Identifier: Apache-2.0
// junit.xml, the form that Jenkins, GitLab and others show: one testcase a trace and seed.
#pragma once

#include <string>

#include "harness/report/run_report.h"

namespace bioscope {

// Failed is <failure>, not judged <error>; not played, hazards and known findings are <skipped>
// with a message that says which, since JUnit has no word for an expected failure. A run that
// could not be judged as a whole has one more testcase, "verdict", with an <error>.
std::string to_junit(const RunReport& report);

}  // namespace bioscope
