// SPDX-License-Identifier: Apache-2.0
// Reading and writing the binary forms: variable-length integers (LEB128), fixed little-endian
// ones, length-prefixed strings.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/base/types.h"

namespace bioscope {

class ByteWriter {
 public:
  void put_u8(u8 value) { bytes_.push_back(value); }
  void put_u32le(u32 value);
  void put_varint(u64 value);
  void put_signed(i64 value);  // zigzag, then varint
  void put_string(std::string_view text);
  void put_bytes(std::span<const u8> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  std::vector<u8> take() { return std::move(bytes_); }

 private:
  std::vector<u8> bytes_;
};

// Past the end every read gives 0 or "", and failed() stays true: a total codec ignores it, a
// strict one asks once at the end. Never reads outside `bytes`, which must outlive the reader.
class ByteReader {
 public:
  explicit ByteReader(std::span<const u8> bytes) : bytes_(bytes) {}

  u8 get_u8();
  u32 get_u32le();
  u64 get_varint();  // a varint longer than 64 bits fails
  i64 get_signed();
  // A length beyond `limit` or beyond what is left fails.
  std::string get_string(std::size_t limit);

  bool failed() const { return failed_; }
  bool at_end() const { return offset_ == bytes_.size(); }
  std::size_t offset() const { return offset_; }
  std::size_t rest() const { return bytes_.size() - offset_; }
  void fail() { failed_ = true; }

 private:
  std::span<const u8> bytes_;
  std::size_t offset_ = 0;
  bool failed_ = false;
};

}  // namespace bioscope
