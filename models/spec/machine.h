// SPDX-License-Identifier: Apache-2.0
// The machine that the specification describes, driven by the events of a history. Its parts stand
// in files of their own: mapping.cc (where I/O goes), block_io.cc, dm_change.cc and dm_query.cc
// (ioctls), snapshot.cc, era.cc, file_system.cc, finish.cc.
#pragma once

#include "models/spec/state.h"

namespace bioscope::spec {

class Machine {
 public:
  // `can`: of the subject whose history it is.
  Machine(std::shared_ptr<const Program> program, Capabilities can);

  Verdict apply(const Event& event);
  std::vector<Verdict> finish(const History& history);
  LegalSet legal(const Operation& operation) const;
  Event expected(OperationId id) const;
  const Marks& marks() const { return marks_; }

 private:
  friend class HopJudge;  // hop_judge.h: what bios did, next to what is known here

  // --- machine.cc
  const Operation& operation(OperationId id) const { return *program_->operations[id]; }
  void invoke(OperationId id);
  Verdict complete(const Event& event);
  DeviceId find_device(std::string_view name) const;
  DeviceId find_gone(std::string_view name) const;
  bool returned_before(OperationId writer, OperationId than) const;
  void exercised(RuleId rule, u64 times = 1);
  VolumeId new_volume(Contents contents);
  bool fault_possible(VolumeId volume, Range range, DiskRequest request) const;
  bool any_fault(VolumeId volume) const;
  bool edge_reached(const Edge& edge) const;

  // --- mapping.cc, map_target.cc
  struct Mapping {
    std::vector<Piece> pieces;
    bool reads = true;
    bool past_suspends = false;
    bool past_interposers = false;
    u32 depth = 0;
  };
  void map_device(DeviceId device, Range range, const Piece& carried, Mapping& out,
                  bool below = false) const;
  void map_mapped(DeviceId device, Range range, const Piece& carried, Mapping& out) const;
  void map_redirected(DeviceId device, Range range, const Piece& carried, Mapping& out) const;
  void map_table(DeviceId device, const Table& table, Range range, const Piece& carried,
                 Mapping& out) const;
  void map_target(DeviceId device, const Target& target, Range range, Piece& carried,
                  Mapping& out) const;
  void map_flakey(const Target& target, Range range, const Piece& carried, Mapping& out) const;
  void map_snapshot(DeviceId device, const Target& target, Range range, const Piece& carried,
                    Mapping& out) const;
  void map_origin(DeviceId device, const Target& target, Range range, Piece& carried,
                  Mapping& out) const;
  std::vector<Piece> map_now(DeviceId device, Range range, bool reads) const;
  std::vector<Piece> map_past_suspends(DeviceId device, Range range, bool reads, bool below) const;
  void map_disk(DeviceId device, Range range, const Piece& carried, Mapping& out) const;
  TableList possible_tables(const Device& device) const;
  Contents contents_of(DeviceId device, u64 size_sectors, bool below) const;

  // --- stack.cc: `below` is how the upper device is opened, below its interposer or above it
  static constexpr u32 kMaxDepth = 16;  // of stacked devices
  template <typename Visit>
  bool any_next(DeviceId device, bool below, Visit visit) const;
  bool may_be_interposed(const Device& device) const;
  u64 size_least(DeviceId device) const;
  u64 size_most(DeviceId device) const;
  bool stack_has(DeviceId upper, DeviceId lower, bool below = false, u32 depth = 0) const;
  bool stack_suspended(DeviceId upper, bool below = false, u32 depth = 0) const;
  bool cow_suspended(DeviceId origin_device, u32 depth) const;
  bool stack_delays(DeviceId device, bool below = false, u32 depth = 0) const;
  bool stack_flakes(DeviceId device, bool below = false, u32 depth = 0) const;
  std::optional<Place> place_of(DeviceId device, bool below = false) const;
  u64 logical_block_sectors(DeviceId device, u32 depth = 0) const;
  TargetType telling_target(DeviceId device) const;
  std::string target_name(DeviceId device) const;

  // --- interposer.cc
  void plan_interposer(Table& table, LegalSet& legal) const;
  LegalSet attach_legal(DeviceId device, const Table& table) const;
  void expect_attach(DeviceId device);
  void settle_interposer(DeviceId device);
  void detach(DeviceId device);
  void expect_remove(DeviceId device);
  void blur_interposed(DeviceId device);

  // --- block_io.cc, io_legal.cc, io_swap.cc
  void invoke_io(OperationId id);
  Verdict complete_io(const Event& event, PendingIo pending);
  Verdict complete_read(const Event& event, PendingIo& pending);
  Verdict complete_write(const Event& event, PendingIo& pending);
  bool flush_may_fail(DeviceId device) const;
  LegalSet io_errors(const Operation& operation, const PendingIo& pending) const;
  bool passes_interposer(const PendingIo& pending) const;
  bool went_past_interposer(const Event& event, const PendingIo& pending) const;
  LegalSet io_legal(const Operation& operation) const;
  void place_io(PendingIo& pending, std::vector<Piece> pieces);
  void effect_of(const PendingIo& pending, const Piece& piece);
  void widen(VolumeId volume, Range range, const Candidate& candidate);
  void set_sectors(VolumeId volume, Range range, const CandidateSet& set);
  void narrow_write(const PendingIo& pending);
  void narrow_read(const Event& event, const PendingIo& pending);
  void tables_changed(DeviceId device);
  void place_again(PendingIo& pending);
  void release_deferred(DeviceId device);
  void free_device(DeviceId device, OperationId writer);
  Candidate written_by(OperationId id, const Piece& piece) const;
  Verdict judge_sectors(const Event& event, const Contents& collected, u64 first_sector,
                        const PendingIo* pending);
  void note_splits(const PendingIo& pending);

  // --- durability.cc
  bool plain_stack(DeviceId device, u32 depth = 0) const;
  bool no_flush_since(u64 event, OperationId but) const;
  std::string fault_of_preflush(OperationId id, const PendingIo& pending) const;

  // --- dm_change.cc, dm_load.cc, dm_swap.cc
  void invoke_change(OperationId id);
  Verdict complete_change(const Event& event);
  LegalSet change_legal(const Operation& operation, Plan* plan = nullptr) const;
  LegalSet create_legal(const Operation& operation) const;
  LegalSet load_legal(const Operation& operation) const;
  LegalSet resume_legal(DeviceId device) const;
  LegalSet remove_legal(const Operation& operation, DeviceId device) const;
  LegalSet rename_legal(const Operation& operation, DeviceId device) const;
  LegalSet open_legal(const Operation& operation) const;
  void apply_change(const Operation& operation, DeviceId device, Plan plan);
  void apply_create(const Operation& operation);
  void apply_load(const Operation& operation, DeviceId device, Plan plan);
  void apply_suspend(const Operation& operation, DeviceId device);
  void apply_resume(DeviceId device);
  void resume_failed(DeviceId device);
  void remove_device(DeviceId device);
  void remove_deferred(DeviceId device);
  void interrupted_change(DeviceId device);
  void wait_again(DeviceId device);
  void blur(DeviceId device);
  Plan plan_load(const Operation& operation, DeviceId device) const;
  bool devices_at_hand(const Target& target) const;
  void plan_devices(Table& table, LegalSet& legal) const;
  RuleId swap_refused_by(const Table& table) const;
  bool handover_refused(DeviceId device, const Table& table) const;
  void acquire(const TablePtr& table);
  void release(DeviceId device, const TablePtr& table);
  // A raw ioctl as the operation that it amounts to, or what refuses it before that.
  struct Plain {
    const Operation* operation = nullptr;
    std::unique_ptr<const Operation> made;
    LegalSet refused;
  };
  Plain as_plain(const Operation& raw) const;
  Operation unwrap(const Operation& raw, LegalSet& refused) const;

  // --- open_count.cc
  bool tables_name(DeviceId upper, DeviceId device) const;
  OpenCounts settled_opens(DeviceId device) const;
  void count_pending(const Operation& raw, DeviceId device, OpenCounts& counts) const;
  OpenCounts open_counts(DeviceId device) const;
  void widen_open_counts();

  // --- dm_query.cc
  Verdict complete_query(const Event& event);
  LegalSet query_legal(const Operation& operation) const;
  std::string info_text(DeviceId device) const;
  RuleId info_breaks(DeviceId device, const OpenCounts& opens, const std::string& text) const;
  std::string deps_text(DeviceId device) const;
  Verdict judge_status(const Event& event, DeviceId device);
  std::string status_line(const Target& target) const;
  LegalSet message_legal(const Operation& operation, DeviceId device) const;
  void apply_message(const Operation& operation, DeviceId device);

  // --- snapshot.cc, snapshot_merge.cc, snapshot_write.cc, snapshot_space.cc
  void plan_snapshot(const Target& target, const Table& table, LegalSet& legal) const;
  void load_snapshot(Target& target);
  std::vector<Piece> map_origin_of(const SnapStore& store) const;
  void begin_snapshot(const Target& target);
  void activate_snapshot(const Target& target);
  void begin_merge(SnapStore& store);
  Contents recovered(const SnapStore& store, const std::vector<Contents>& volumes) const;
  void set_cow_contents(const SnapStore& store, bool in_use);
  Range chunks_of(const SnapStore& store, Range sectors) const;
  void drop_snapshot(const Target& target);
  void note_origin_write(const PendingIo& pending, const Piece& piece);
  void note_failed_write(const Piece& piece);
  void note_view_write(const PendingIo& pending, const Piece& piece, bool done);
  void settle_origin_write(const PendingIo& pending, const Piece& piece);
  void merge_done(SnapStore& store);
  bool origin_precedes(DeviceId origin_device, const SnapStore& store) const;
  u64 space_after(const SnapStore& store, u64 exceptions) const;
  u64 total_of(const SnapStore& store) const;
  u64 capacity_of(const SnapStore& store) const;
  void recount(SnapStore& store, bool by_view);
  bool status_fits(const SnapStore& store, std::string_view words) const;
  void status_seen(u32 store, std::string_view words);
  std::string snapshot_status(const SnapStore& store) const;
  u32 find_store(Place cow_place) const;
  void change_snapshot_origins(DeviceId swapped);

  // --- era.cc
  void plan_era(const Target& target, LegalSet& legal) const;
  void load_era(Target& target);
  void resume_era(const Target& target);
  void expect_era(const Target& target);
  void note_era_write(const PendingIo& pending, const Piece& piece, bool done);
  Verdict judge_era_dump(const Event& event);
  std::string era_dump_text(DeviceId metadata) const;
  bool era_status_fits(const Target& target, std::string_view words) const;

  // --- lanes.cc
  struct Flaking {
    bool may_be_up = false;
    bool may_be_down = false;
  };
  bool time_is_known(Capabilities can) const;
  LegalSet signal_legal(const Operation& operation) const;
  void invoke_lane(OperationId id);
  Verdict complete_lane(const Event& event);
  Flaking flaking(const Target& target) const;
  void clock_moves();

  // --- disks.cc, partitions.cc
  void invoke_disk(OperationId id);
  Verdict complete_disk(const Event& event);
  LegalSet disk_legal(const Operation& operation) const;
  LegalSet partition_legal(const Operation& operation, DeviceId device, std::size_t& good) const;
  void begin_partitions(PendingDisk& pending);
  void finish_partitions(const PendingDisk& pending, bool succeeded);
  void begin_resize(DeviceId disk, u64 size_sectors);
  void finish_resize(DeviceId disk, bool succeeded);
  void begin_hot_remove(DeviceId device);
  void finish_hot_remove(DeviceId device, bool succeeded);
  void io_may_fail(DeviceId disk, Range range, RuleId why, bool dead);
  bool busy_for_tables(DeviceId device) const;
  bool busy_for_others(DeviceId device) const;

  // --- crash.cc, crash_targets.cc
  bool is_volatile(VolumeId volume) const;
  void flushed_by(DeviceId device, bool below, std::vector<VolumeId>& out, u32 depth) const;
  void begin_flush(PendingIo& pending);
  void settle_flush(const PendingIo& pending);
  void settle_durable(const PendingIo& pending, const Piece& piece);
  bool lies_on(const SnapStore& store, DeviceId disk) const;
  void flushes_are_over(DeviceId disk);
  void begin_power(DeviceId disk, bool cut);
  void finish_power(DeviceId disk, bool cut, bool succeeded);
  void cut_store(SnapStore& store, DeviceId disk);
  void cut_era(EraStore& era);
  bool power_unsure(VolumeId volume) const;

  // --- log_writes.cc
  void load_log(const Target& target, DeviceId device);
  void resume_log(const Target& target);
  void drop_log(const Target& target);
  void note_logged(const Event& event);
  void damage_logs(VolumeId volume, Range range);
  LogFacts log_facts(const LogTarget& log) const;
  bool log_is_foreign(const LogTarget& log) const;
  const LogTarget* log_on(DeviceId device) const;
  bool arrives_in_any_order(VolumeId volume) const;
  Verdict judge_log_dump(const Event& event);
  void expect_log_dump(DeviceId device, Event& event) const;

  // --- file_system.cc, files.cc, mount.cc
  void invoke_file(OperationId id);
  Verdict complete_file(const Event& event);
  LegalSet file_legal(const Operation& operation) const;
  LegalSet mkfs_legal(const Operation& operation) const;
  LegalSet mount_legal(const Operation& operation) const;
  LegalSet freeze_legal(const Operation& operation) const;
  LegalSet fsck_legal(const Operation& operation) const;
  LegalSet content_legal(const Operation& operation) const;
  void apply_file_system(const Operation& operation, const Event& event);
  void apply_mkfs(const Operation& operation);
  void apply_mount(const Operation& operation);
  void apply_freeze(const Operation& operation);
  Verdict complete_content(const Event& event, PendingFile& pending);
  u32 find_mount(std::string_view point) const;
  u32 find_file_system(Place place) const;
  u32 file_system_of(DeviceId device) const;
  void scribble(DeviceId device);
  void forget(FileSystem& system);
  u32 copy_file_system(u32 from, Place to);
  void cut_file_system(SnapStore& store);
  void merge_file_system(const SnapStore& store);
  void damage_file_systems(VolumeId volume, Range range);
  bool unreliable(DeviceId device, bool opened_below = false, u32 depth = 0) const;
  bool froze(const Device& device) const;
  bool frozen(const Mounted& mounted, u64 since) const;

  // --- finish.cc
  bool judge_unreturned(std::vector<Verdict>& verdicts) const;
  void judge_uninvoked(std::vector<Verdict>& verdicts) const;
  bool may_block_for_ever(OperationId id) const;
  bool io_may_block(const PendingIo& pending) const;
  bool touches_held_disk(DeviceId device) const;

  // --- mapped devices whose suspend stops I/O to the device and freezes what is mounted on it
  template <typename Test>
  bool any_gate(DeviceId id, Test test) const {
    const Device& device = devices_[id];
    if (device.mapped && test(device)) return true;
    if (device.interposer != kNone && test(devices_[device.interposer])) return true;
    if (device.attaching != kNone && test(devices_[device.attaching])) return true;
    return device.whole != kNone && any_gate(device.whole, test);
  }

  std::shared_ptr<const Program> program_;
  Marks marks_;
  u64 now_ = 0;               // number of the event
  std::vector<u64> invoked_;  // by operation; 0: not yet
  std::vector<u64> returned_;
  std::vector<OperationId> under_way_;  // invoked and not returned
  std::vector<bool> held_steps_;        // held at present, by disk step
  std::vector<bool> steps_seen_;        // were held at some time
  std::vector<Device> devices_;
  std::vector<Contents> volumes_;
  std::vector<Contents> durable_;  // by volume, where the trace cuts the power (W1)
  bool cuts_ = false;
  bool blocks_differ_ = false;  // some disk's logical blocks are larger than a sector
  std::vector<DeviceId> disk_of_volume_;
  std::vector<SnapStore> stores_;
  std::vector<EraStore> eras_;
  std::vector<LogTarget> logs_;
  std::vector<LogOperation> log_operations_;
  std::vector<FileSystem> file_systems_;
  std::vector<Mounted> mounts_;
  std::vector<PendingIo> pending_io_;
  std::vector<PendingFile> pending_files_;
  std::vector<PendingChange> pending_changes_;
  std::vector<PendingInfo> pending_infos_;
  std::vector<PendingDisk> pending_disks_;
  std::vector<PendingLane> pending_lanes_;
  std::vector<bool> signalled_;  // by operation
  bool time_known_ = false;
  u64 time_least_ms_ = 0;
  u64 time_most_ms_ = 0;
  u64 change_time_ms_ = 0;  // least, when the change that is being applied was invoked
  u32 instances_ = 0;
  u64 resume_invoked_ = 0;  // of the change that is being applied
};

// What an operation does to a block device, however it is spelled.
enum class IoKind : u8 { Read, Write, Flush, Discard, WriteZeroes, SecureErase, IllegalFlush };
IoKind io_kind(const Operation& operation);

// --- verdict.cc
Verdict legal_verdict();
Verdict violation(RuleId rule, std::string_view target, std::string message);
Verdict not_judged(std::string message);
std::string errors_text(const ErrorSet& errors);
std::string error_text(int error);
LegalSet one_of(RuleId rule, std::initializer_list<int> errors);
void allow(LegalSet& legal, std::initializer_list<int> errors);

// --- dm_query.cc: as `table` prints it
std::string table_text(const Table& table);

// --- mapping.cc
void push_part(const Piece& piece, PieceKind kind, Range range, std::vector<Piece>& out);

}  // namespace bioscope::spec
