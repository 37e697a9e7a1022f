// SPDX-License-Identifier: Apache-2.0
#include "models/base/bytes.h"

namespace bioscope {

void ByteWriter::put_u32le(u32 value) {
  for (int i = 0; i < 4; ++i) put_u8(static_cast<u8>(value >> (8 * i)));
}

void ByteWriter::put_varint(u64 value) {
  while (value >= 0x80) {
    put_u8(static_cast<u8>(value | 0x80));
    value >>= 7;
  }
  put_u8(static_cast<u8>(value));
}

void ByteWriter::put_signed(i64 value) {
  put_varint(static_cast<u64>(value) << 1 ^ static_cast<u64>(value >> 63));
}

void ByteWriter::put_string(std::string_view text) {
  put_varint(text.size());
  for (char c : text) put_u8(static_cast<u8>(c));
}

u8 ByteReader::get_u8() {
  if (at_end()) {
    failed_ = true;
    return 0;
  }
  return bytes_[offset_++];
}

u32 ByteReader::get_u32le() {
  u32 value = 0;
  for (int i = 0; i < 4; ++i) value |= static_cast<u32>(get_u8()) << (8 * i);
  return value;
}

u64 ByteReader::get_varint() {
  u64 value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const u8 byte = get_u8();
    value |= static_cast<u64>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  failed_ = true;
  return value;
}

i64 ByteReader::get_signed() {
  const u64 value = get_varint();
  return static_cast<i64>(value >> 1 ^ (~(value & 1) + 1));
}

std::string ByteReader::get_string(std::size_t limit) {
  const u64 length = get_varint();
  if (length > limit || length > rest()) {
    failed_ = true;
    return {};
  }
  std::string text(reinterpret_cast<const char*>(bytes_.data() + offset_), length);
  offset_ += length;
  return text;
}

}  // namespace bioscope
