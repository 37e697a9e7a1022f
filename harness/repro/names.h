// SPDX-License-Identifier: Apache-2.0
// Who names whom in a trace. Pure functions.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "models/trace/trace.h"

namespace bioscope {

using Names = std::set<std::string, std::less<>>;

// Disks, mapped devices and mount points, in no particular sense a legal name of any of them.
Names names_in(const Trace& trace);

// Whether a word of a table or raw ioctl is the name: words end at blanks, ';' and '='.
bool text_names(std::string_view text, std::string_view name);

// Whether the operation is done to something of this name, a file on it included, gives it the
// name, or loads a table with it.
bool names(const Operation& operation, std::string_view name);

// The names themselves and, again and again, those of what is made of something in the set: devices
// whose tables name it, mount points, new names.
Names standing_upon(const Trace& trace, Names names);

// Puts `to` wherever `from` is named, in the disk script as well.
void replace_name(Trace& trace, std::string_view from, const std::string& to);

}  // namespace bioscope
