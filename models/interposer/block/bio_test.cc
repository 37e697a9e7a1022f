// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/bio.h"

#include <atomic>
#include <cerrno>
#include <deque>
#include <memory>
#include <numeric>

#include "models/base/chooser.h"
#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/stack.h"
#include "models/runtime/thread.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;

u32 pick(Chooser& chooser, u32 n) {
  return chooser.pick(ChoiceKind::Generate, 0, n);
}

// Memory in odd pieces, with every byte told apart.
struct Pieces {
  Pieces(Chooser& chooser, u64 sectors) : bytes(sectors * kSectorBytes) {
    std::iota(bytes.begin(), bytes.end(), u16{0});
    u64 at = 0;
    while (at < bytes.size()) {
      const u64 length = std::min<u64>(bytes.size() - at, pick(chooser, 900));
      segments.push_back({&bytes[at], length * sizeof(u16)});
      at += length;
    }
  }
  // One u16 stands for each byte: what is covered is told by its address.
  std::vector<u16> bytes;
  std::vector<iovec> segments;
};

std::vector<u16> covered(const Bio& bio) {
  std::vector<u16> all;
  std::vector<iovec> pieces;
  bio_copy_segments(bio, pieces);
  for (const iovec& piece : pieces) {
    const auto* first = static_cast<const u16*>(piece.iov_base);
    all.insert(all.end(), first, first + piece.iov_len / sizeof(u16));
  }
  return all;
}

SCENARIO(Bio, FrontsAndRestTileTheBio) {
  static u64 seed = 0;
  Chooser chooser(++seed);
  for (int round = 0; round < 20; ++round) {
    const u64 sectors = 2 + pick(chooser, 20);
    Pieces memory(chooser, sectors / 2 * 2);
    const u64 first = (1ULL << 33) + pick(chooser, 100);
    Bio* bio = bio_alloc(nullptr, BioOp::Write, 0, first, sectors / 2 * 4, memory.segments);
    std::vector<u16> seen;
    u64 sector = first;
    while (bio_sectors(*bio) > 1) {
      Bio* front = bio_split(*bio, 1 + pick(chooser, static_cast<u32>(bio_sectors(*bio)) - 1));
      check_equal(front->iter.sector, sector, "the front's sector");
      sector = bio_end_sector(*front);
      check_equal(bio->iter.sector, sector, "the rest's sector");
      const std::vector<u16> part = covered(*front);
      check_equal(part.size() * sizeof(u16), front->iter.size_bytes, "the front's memory");
      seen.insert(seen.end(), part.begin(), part.end());
      bio_put(front);
    }
    const std::vector<u16> part = covered(*bio);
    seen.insert(seen.end(), part.begin(), part.end());
    check(seen == memory.bytes, "the parts cover the memory once, in order");
    bio_put(bio);
  }
}

SCENARIO(Bio, TrimKeepsTheMiddle) {
  Chooser chooser(1);
  Pieces memory(chooser, 8);
  Bio* bio = bio_alloc(nullptr, BioOp::Read, 0, 100, 16, memory.segments);
  bio_trim(*bio, 3, 4);
  check_equal(bio->iter.sector, 103U, "sector");
  check_equal(bio_sectors(*bio), 4U, "sectors");
  const std::vector<u16> part = covered(*bio);
  check_equal(part.front(), u16{3 * kSectorBytes / 2}, "the first byte");
  check_equal(part.size(), std::size_t{4 * kSectorBytes / 2}, "the length");
  bio_zero_fill(*bio);
  check_equal(memory.bytes[3 * kSectorBytes / 2 - 1], u16{3 * kSectorBytes / 2 - 1}, "before");
  check_equal(memory.bytes[3 * kSectorBytes / 2], u16{0}, "within");
  check_equal(memory.bytes[7 * kSectorBytes / 2 - 1], u16{0}, "at the end");
  check_equal(memory.bytes[7 * kSectorBytes / 2], u16{7 * kSectorBytes / 2}, "behind");
  bio_put(bio);
}

struct End {
  std::atomic<int> count{0};
  int status = 0;
};

Bio* ending_bio(End& end, u64 sectors) {
  Bio* bio = bio_alloc(nullptr, BioOp::Discard, 0, 0, sectors, {});
  bio->context = &end;
  bio->end_io = [](Bio& ended) {
    auto& told = *static_cast<End*>(ended.context);
    ++told.count;
    told.status = ended.status;
    bio_put(&ended);
  };
  return bio;
}

// Every order of ends, each in a task of its own.
void end_chain(const std::vector<int>& children, int own, const std::vector<int>& wanted) {
  End end;
  Bio* parent = ending_bio(end, children.size() + 1);
  std::vector<Bio*> fronts;
  for (std::size_t i = 0; i < children.size(); ++i) {
    fronts.push_back(bio_split(*parent, 1));
    bio_chain(*fronts.back(), *parent);
  }
  rt::Atomic<int> left(static_cast<int>(children.size()) + 1, "left");
  {
    std::vector<rt::Thread> tasks;
    tasks.reserve(children.size());
    for (std::size_t i = 0; i < children.size(); ++i) {
      tasks.emplace_back("child", [&, i] {
        left.fetch_sub(1);
        bio_end_with(*fronts[i], children[i]);
      });
    }
    left.fetch_sub(1);
    bio_end_with(*parent, own);
    check(end.count == 0 || left.load() == 0, "the parent ended before its children");
  }
  check_equal(end.count.load(), 1, "ends of the parent");
  check(std::ranges::count(wanted, end.status) > 0, "status " + std::to_string(end.status));
}

SCENARIO(Bio, AParentEndsOnceWhenAllChildrenHave) {
  end_chain({0, 0}, 0, {0});
}
SCENARIO(Bio, AChildsErrorIsTheParents) {
  end_chain({0, EIO}, 0, {EIO});
}
SCENARIO(Bio, OneOfTheChildrensErrorsWins) {
  end_chain({ENOSPC, EIO}, 0, {ENOSPC, EIO});
}
SCENARIO(Bio, TheParentsOwnErrorOverwrites) {
  end_chain({EIO, 0}, ENOSPC, {ENOSPC});
}

TEST(Bio, TheFirstChildsErrorWins) {
  const rt::Outcome outcome = rt::run({}, [] {
    End end;
    Bio* parent = ending_bio(end, 3);
    Bio* a = bio_split(*parent, 1);
    bio_chain(*a, *parent);
    Bio* b = bio_split(*parent, 1);
    bio_chain(*b, *parent);
    bio_end_with(*b, ENOSPC);
    bio_end_with(*parent, 0);
    bio_end_with(*a, EIO);
    check_equal(end.status, ENOSPC, "the error of the child that ended first");
  });
  EXPECT_EQ(outcome.end, rt::End::Finished) << describe(outcome);
}

SCENARIO(Bio, AChainOfChainsEndsWithoutRecursion) {
  constexpr int kDeep = 20'000;
  End end;
  Bio* bio = ending_bio(end, kDeep + 1);
  Bio* last = bio;
  std::vector<Bio*> parents;
  for (int i = 0; i < kDeep; ++i) {
    Bio* front = bio_alloc(nullptr, BioOp::Discard, 0, 0, 1, {});
    bio_chain(*front, *last);
    parents.push_back(last);
    last = front;
  }
  for (Bio* parent : parents) bio_endio(*parent);
  check_equal(end.count.load(), 0, "ends before the last");
  bio_end_with(*last, EIO);
  check_equal(end.count.load(), 1, "ends");
  check_equal(end.status, EIO, "status");
}

std::string failure_of(const std::function<void()>& program) {
  const rt::Outcome outcome = rt::run({}, program);
  return outcome.end == rt::End::Failed ? outcome.message : "";
}

TEST(Bio, EndingTwiceFailsTheRun) {
  EXPECT_EQ(failure_of([] {
              Bio* bio = bio_alloc(nullptr, BioOp::Read, 0, 0, 0, {});
              bio_endio(*bio);
              bio_endio(*bio);
              bio_put(bio);
            }),
            "bio_endio: a bio ended twice");
  EXPECT_EQ(failure_of([] {
              Bio* parent = bio_alloc(nullptr, BioOp::Discard, 0, 0, 2, {});
              Bio* front = bio_split(*parent, 1);
              bio_chain(*front, *parent);
              bio_endio(*parent);
              bio_endio(*front);
              bio_endio(*parent);
              bio_put(parent);
            }),
            "bio_endio: a chained bio ended more often than it has parts");
}

TEST(Bio, PuttingABioThatOthersEndIntoFailsTheRun) {
  static Bio* parent;
  static Bio* front;
  EXPECT_EQ(failure_of([] {
              parent = bio_alloc(nullptr, BioOp::Discard, 0, 0, 2, {});
              front = bio_split(*parent, 1);
              bio_chain(*front, *parent);
              bio_put(parent);
            }),
            "bio_put: a bio that others are chained to has not ended");
}

TEST(Bio, SplittingOffNothingOrAllFailsTheRun) {
  for (const u64 sectors : {0U, 4U, 5U}) {
    EXPECT_EQ(failure_of([sectors] {
                Bio* bio = bio_alloc(nullptr, BioOp::Discard, 0, 0, 4, {});
                bio_put(bio_split(*bio, sectors));
                bio_put(bio);
              }),
              "bio_split: a part has to be smaller than the bio, and not empty (R12)");
  }
}

SCENARIO(Bio, RemappedGoesWithTheDevice) {
  testing::OneDisk one;
  check_equal(one.sda.disk().add_partition(8, 8), 0, "add_partition");
  BlockDevice& partition = *one.sda.disk().partitions()[0];
  Bio* bio = bio_alloc(&partition, BioOp::Discard, kReqNoUnmap, 3, 1, {});
  bio->flags = kBioRemapped | kBioThrottled;
  bio->cause = 5;
  Bio* same = bio_alloc_clone(&partition, *bio);
  check_equal(same->flags, kBioRemapped, "a clone for the same device");
  check_equal(same->cause, 5U, "its cause");
  check_equal(same->opf, kReqNoUnmap, "its flags");
  Bio* other = bio_alloc_clone(&one.bdev(), *bio);
  check_equal(other->flags, 0U, "a clone for another device");
  bio_set_dev(*bio, &partition);
  check_equal(bio->flags, kBioThrottled, "set to the same device again");
  bio_set_dev(*bio, &one.bdev());
  check_equal(bio->flags, 0U, "set to another device");
  for (Bio* each : {bio, same, other}) bio_put(each);
  one.finish();
}

SCENARIO(Bio, ListsAreQueues) {
  Chooser chooser(7);
  std::vector<std::unique_ptr<Bio>> bios;
  BioList lists[2];
  std::deque<Bio*> models[2];
  for (int step = 0; step < 300; ++step) {
    const u32 which = pick(chooser, 2);
    BioList& list = lists[which];
    std::deque<Bio*>& model = models[which];
    switch (pick(chooser, 6)) {
      case 0:
      case 1:
        bios.push_back(std::make_unique<Bio>());
        list.add(bios.back().get());
        model.push_back(bios.back().get());
        break;
      case 2:
        bios.push_back(std::make_unique<Bio>());
        list.add_head(bios.back().get());
        model.push_front(bios.back().get());
        break;
      case 3: {
        Bio* wanted = model.empty() ? nullptr : model.front();
        check(list.peek() == wanted && list.pop() == wanted, "pop");
        if (wanted != nullptr) model.pop_front();
        break;
      }
      case 4:
        list.merge(lists[1 - which]);
        model.insert(model.end(), models[1 - which].begin(), models[1 - which].end());
        models[1 - which].clear();
        break;
      default:
        list.merge_head(lists[1 - which]);
        model.insert(model.begin(), models[1 - which].begin(), models[1 - which].end());
        models[1 - which].clear();
        break;
    }
    for (int i = 0; i < 2; ++i) check_equal(lists[i].size(), models[i].size(), "size");
  }
}

}  // namespace
}  // namespace bioscope::blk
