// SPDX-License-Identifier: Apache-2.0
// dm-kcopyd (drivers/md/dm-kcopyd.c), for one destination.
//
// Invariants:
//   K1  Jobs are taken in the order in which they were asked for, kMaxJobs at a time; they are told
//       of in the order in which they ended, by one worker.
//   K2  A write begins after its read has ended well. An error ends the job.
//   K3  A copy that is longer than kPieceSectors goes piece by piece.
#include "models/interposer/dm/kcopyd.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "models/interposer/block/plug.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/variants.h"
#include "models/runtime/mutex.h"
#include "models/runtime/run.h"
#include "models/runtime/wait_queue.h"
#include "models/runtime/workqueue.h"

namespace bioscope::dm {
namespace {

constexpr u64 kPieceSectors = 1024;  // DEFAULT_SUB_JOB_SIZE_KB

}  // namespace

struct Kcopyd::State {
  // struct kcopyd_job.
  struct Job {
    State* state = nullptr;
    IoRegion from;
    IoRegion to;
    Done done;
    u64 progress_sectors = 0;
    bool writing = false;
    int read_error = 0;
    int write_error = 0;
    std::vector<u8> pages;
    iovec segment{};
  };

  explicit State(const char* client) : name(client) {}

  const char* name;
  rt::Mutex lock{"job_lock"};
  // Under lock, but for the jobs themselves: each is with one owner.
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<Job*> free;
  std::deque<Job*> waiting;   // pages_jobs: for one of kMaxJobs
  std::deque<Job*> io;        // io_jobs: to be sent
  std::deque<Job*> complete;  // complete_jobs, callback_jobs: to be told of
  u32 copying = 0;
  u32 pending = 0;  // nr_jobs
  rt::WaitQueue drained{"kcopyd_destroyq"};
  rt::Work work{[this] { run(); }};
  std::unique_ptr<rt::Workqueue> wq;  // made with the first job

  Job& make_job(Done done);
  void wake();
  void run();
  void tell(Job& job);
  void send(Job& job);
  static void bio_ended(blk::Bio& bio);
  void ended(Job& job, int error);
};

// REQUIRES: lock is held.
Kcopyd::State::Job& Kcopyd::State::make_job(Done done) {
  if (free.empty()) {
    jobs.push_back(std::make_unique<Job>());
    free.push_back(jobs.back().get());
  }
  Job& job = *free.back();
  free.pop_back();
  job.state = this;
  job.done = std::move(done);
  job.progress_sectors = 0;
  job.writing = false;
  job.read_error = job.write_error = 0;
  ++pending;
  return job;
}

// REQUIRES: lock is held.
void Kcopyd::State::wake() {
  if (wq == nullptr) wq = std::make_unique<rt::Workqueue>(name, rt::kOrdered);
  wq->queue(work);
}

// do_work(): what has ended makes room for what waits.
void Kcopyd::State::run() {
  blk::Plug plug;
  for (;;) {
    Job* job = nullptr;
    bool ended = false;
    {
      const std::lock_guard guard(lock);
      if (!complete.empty()) {
        job = complete.front();
        complete.pop_front();
        ended = true;
      } else if (!io.empty()) {
        job = io.front();
        io.pop_front();
      } else if (!waiting.empty() && copying < kMaxJobs) {
        job = waiting.front();
        waiting.pop_front();
        ++copying;
      }
    }
    if (job == nullptr) return;
    ended ? tell(*job) : send(*job);
  }
}

// run_complete_job().
void Kcopyd::State::tell(Job& job) {
  blk::flush_plug();  // whoever is told may wait for I/O
  job.done(job.read_error, job.write_error);
  job.done = nullptr;
  const std::lock_guard guard(lock);
  if (job.progress_sectors > 0) --copying;
  free.push_back(&job);
  if (--pending == 0) drained.wake_up_all();
}

// run_io_job(): the next half of the next piece.
void Kcopyd::State::send(Job& job) {
  const IoRegion& region = job.writing ? job.to : job.from;
  u64 count = std::min(region.count_sectors - job.progress_sectors, kPieceSectors);
  if (!job.writing) job.pages.resize(count * kSectorBytes);
  const bool last = job.progress_sectors + count == region.count_sectors;
  if (job.writing && last && count > 1 && planted(Defect::KcopydShort)) --count;
  job.segment = {job.pages.data(), count * kSectorBytes};
  blk::BlockDevice* bdev =
      planted(Defect::HelperIoRedirected) ? &region.bdev->original() : region.bdev;
  blk::Bio* bio = bio_alloc(bdev, job.writing ? blk::BioOp::Write : blk::BioOp::Read, 0,
                            region.sector + job.progress_sectors, count, {&job.segment, 1});
  bio->end_io = &bio_ended;
  bio->context = &job;
  submit_bio(*bio);
}

void Kcopyd::State::bio_ended(blk::Bio& bio) {
  Job& job = *static_cast<Job*>(bio.context);
  const int error = bio.status;
  bio_put(&bio);
  job.state->ended(job, error);
}

// complete_io(). K2, K3.
void Kcopyd::State::ended(Job& job, int error) {
  const std::lock_guard guard(lock);
  const Defect ignores =
      job.writing ? Defect::KcopydWriteErrorIgnored : Defect::KcopydReadErrorIgnored;
  if (error != 0 && !planted(ignores)) {
    (job.writing ? job.write_error : job.read_error) = error;
    job.progress_sectors = job.from.count_sectors;
  } else if (job.writing) {
    job.progress_sectors += std::min(job.from.count_sectors - job.progress_sectors, kPieceSectors);
  }
  job.writing = !job.writing;
  (job.progress_sectors == job.from.count_sectors ? complete : io).push_back(&job);
  wake();
}

Kcopyd::Kcopyd(const char* name) : state_(std::make_unique<State>(name)) {}

Kcopyd::~Kcopyd() {
  if (state_->pending > 0 && !rt::stopping()) rt::fail("~Kcopyd: copies are under way");
}

void Kcopyd::drain() {
  const std::lock_guard guard(state_->lock);
  state_->drained.wait_event_locked(state_->lock, [this] { return state_->pending == 0; });
}

void Kcopyd::copy(const IoRegion& from, const IoRegion& to, Done done) {
  const std::lock_guard guard(state_->lock);
  State::Job& job = state_->make_job(std::move(done));
  job.from = from;
  job.to = to;
  state_->waiting.push_back(&job);
  state_->wake();
}

void Kcopyd::do_callback(Done done) {
  const std::lock_guard guard(state_->lock);
  State::Job& job = state_->make_job(std::move(done));
  state_->complete.push_back(&job);
  state_->wake();
}

}  // namespace bioscope::dm
