// SPDX-License-Identifier: Apache-2.0
// Puts a run's files into --out.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "harness/report/bundle.h"
#include "harness/report/run_report.h"
#include "models/base/result.h"

namespace bioscope {

// Makes the folder and takes away what an earlier run left in it (the files named in the contract
// and repro/, nothing else). Could not judge: it cannot be made or written.
Result<void> prepare_out(const std::filesystem::path& out);

// results.json, results.ktap, junit.xml, report.txt, console.log and repro/<id>/. Could not judge:
// a file could not be written whole, for instance on a full disk; the broken file is taken away.
// REQUIRES: prepare_out(out) succeeded.
Result<void> write_reports(const RunReport& report, std::span<const Bundle> bundles,
                           const ReplayCommand& command, const std::filesystem::path& out);

// Writes a file whole or not at all. Could not judge: as above.
Result<void> write_whole_file(const std::filesystem::path& path, std::string_view contents);

}  // namespace bioscope
