// SPDX-License-Identifier: Apache-2.0
// Which module files a guest has to load, in which order, to have the modules it needs.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/kernel/kernel.h"
#include "models/base/result.h"

namespace bioscope {

struct ModuleInfo {
  std::string name;  // with '_', never '-': as in /proc/modules
  std::vector<std::string> depends;
  std::vector<std::string> softdep_pre;
  std::string vermagic;

  // The release the module was built for: the first word of vermagic.
  std::string_view release() const;
};

struct Module {
  std::string name;
  std::filesystem::path file;
  bool overridden = false;  // comes from the folder given with --modules
};

// A module's name from a name or a path as anybody spells it: dm-mod.ko -> dm_mod.
std::string module_name(std::string_view spelling);

// Reads .modinfo. Could not judge: the file is no kernel module.
Result<ModuleInfo> read_module(const std::filesystem::path& file);

// The file without the signature that the distribution appended (include/linux/module_signature.h);
// one without a signature is returned as it is. A guest that loads it checks nothing and marks
// itself tainted, which saves as much guest time as a third of a smoke run's traces need.
Result<std::string> module_without_signature(const std::filesystem::path& file);

// The modules of one kernel. Immutable once opened.
class ModuleTree {
 public:
  // override_dir: every .ko directly in it takes the place of the kernel's own of the same name.
  // Could not judge: the folder does not exist, holds no module, or one for another release.
  static Result<ModuleTree> open(const Kernel& kernel,
                                 const std::optional<std::filesystem::path>& override_dir = {});

  // The wanted modules and all they depend on, dependencies first, each once; the order follows
  // from `wanted` alone. What is built into the kernel is left out; so is, for a kernel that came
  // without modules, whatever override_dir does not hold, since it may be built in.
  // Could not judge: a module that exists nowhere, which is named, or a cycle.
  Result<std::vector<Module>> load_order(const std::vector<std::string>& wanted) const;

  bool is_builtin(std::string_view name) const;
  // Where the module is, if it exists as a file.
  std::optional<Module> find(std::string_view name) const;

 private:
  Result<void> visit(const std::string& name, const std::string& wanted_by, int depth,
                     std::vector<Module>& order) const;

  std::string release_;
  bool has_modules_dir_ = false;
  std::map<std::string, Module, std::less<>> files_;
  std::map<std::string, bool, std::less<>> builtin_;
};

}  // namespace bioscope
