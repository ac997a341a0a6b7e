// The design that Holdfast is compared with: one Postgres transaction for each request.
//
//   naive_peer setup --postgres CONNINFO --skus N [--stock UNITS]   makes the database and its tables
//   naive_peer run --postgres CONNINFO --mode reserve|soldout --skus N --clients N
//                  [--warmup S] [--seconds S] [--durable no]        plays load, prints one JSON object
//   naive_peer drop --postgres CONNINFO                             removes the database again
//
// CONNINFO names any database of the server to begin from; the work happens in `naive_peer`, which
// setup makes anew and drop removes. Nothing else on the server is touched.
//
// It is the best that the design can do, not a caricature: unix socket, prepared statements, the
// answer of an UPDATE instead of a SELECT before it, one connection for each thread, nothing logged.
// A sold-out request is the UPDATE alone, without a transaction around it. What is not given up is
// what Holdfast does not give up either: fsync and synchronous_commit are on, or it refuses to run.
//
// Exit codes: 0 done and the books agree, 1 not, 64 wrong usage.

#include <libpq-fe.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kDatabase = "naive_peer";
constexpr int kUsage = 64;

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// --- Postgres -------------------------------------------------------------------------------

struct ResultDeleter {
    void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultDeleter>;

class Connection {
public:
    // A database that is named behind the string takes the place of the one in it.
    Connection(const std::string& conninfo, const char* database) {
        const char* names[] = {"dbname", "dbname", nullptr};
        const char* values[] = {conninfo.c_str(), database, nullptr};
        handle_ = PQconnectdbParams(names, values, 1);
        if (PQstatus(handle_) != CONNECTION_OK) {
            std::string text = PQerrorMessage(handle_);
            PQfinish(handle_);
            throw Failure("no connection: " + text);
        }
        // A notice for each table that was not there to be dropped says nothing.
        PQsetNoticeProcessor(handle_, [](void*, const char*) {}, nullptr);
    }
    ~Connection() { PQfinish(handle_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Result query(const std::string& sql) { return checked(PQexec(handle_, sql.c_str())); }

    void prepare(const char* name, const char* sql) {
        checked(PQprepare(handle_, name, sql, 0, nullptr));
    }

    // Runs a prepared statement and says how many rows it changed.
    int execute(const char* name, int count, const char* const* values) {
        Result result = checked(PQexecPrepared(handle_, name, count, values, nullptr, nullptr, 0));
        return std::atoi(PQcmdTuples(result.get()));
    }

    std::string value(const std::string& sql) {
        Result result = query(sql);
        if (PQntuples(result.get()) != 1) throw Failure("no single row: " + sql);
        return PQgetvalue(result.get(), 0, 0);
    }

    int backend() const { return PQbackendPID(handle_); }

private:
    Result checked(PGresult* raw) {
        Result result(raw);
        const ExecStatusType status = PQresultStatus(raw);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            throw Failure(PQerrorMessage(handle_));
        }
        return result;
    }

    PGconn* handle_ = nullptr;
};

// --- Processor time -------------------------------------------------------------------------

struct ProcessTimes {
    int parent = 0;
    int64_t ticks = 0;
};

// Parent and used time of a process; false when it has gone. The name may hold blanks and
// parentheses, so the fields are counted from the last parenthesis.
bool read_process(int pid, ProcessTimes& times) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return false;
    const size_t end = line.rfind(')');
    if (end == std::string::npos) return false;
    std::istringstream fields(line.substr(end + 1));
    std::vector<std::string> field;
    for (std::string text; fields >> text;) field.push_back(text);
    if (field.size() < 15) return false;
    times.parent = std::atoi(field[1].c_str());
    times.ticks = std::atoll(field[11].c_str()) + std::atoll(field[12].c_str());
    return true;
}

// Time of every process of the Postgres that a backend belongs to, in microseconds. Those that end
// between two looks are not seen; none of ours does.
int64_t postgres_microseconds(int backend) {
    ProcessTimes own;
    if (!read_process(backend, own)) return -1;
    int64_t ticks = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const int pid = std::atoi(entry.path().filename().c_str());
        ProcessTimes times;
        if (pid <= 0 || !read_process(pid, times)) continue;
        if (pid == own.parent || times.parent == own.parent) ticks += times.ticks;
    }
    return ticks * 1'000'000 / sysconf(_SC_CLK_TCK);
}

int64_t own_microseconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * int64_t{1'000'000}
        + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

// --- Flags ----------------------------------------------------------------------------------

struct Flags {
    std::string command;
    std::string postgres;
    std::string mode = "reserve";
    int64_t stock = 2'000'000'000;
    int skus = 1;
    int clients = 8;
    double warmup = 1;
    double seconds = 5;
    bool must_be_durable = true;
};

[[noreturn]] void usage(const std::string& text) {
    std::fprintf(stderr, "naive_peer: %s (the head of naive_peer.cc says how)\n", text.c_str());
    std::exit(kUsage);
}

double number(const std::string& name, const std::string& text, double low, double high) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(value >= low && value <= high)) {
        usage(name + " takes a number from " + std::to_string(low) + " to " + std::to_string(high));
    }
    return value;
}

Flags parse(int count, char** arguments) {
    if (count < 2) usage("setup, run or drop?");
    Flags flags;
    flags.command = arguments[1];
    if (flags.command != "setup" && flags.command != "run" && flags.command != "drop") {
        usage("unknown command " + flags.command);
    }
    for (int index = 2; index < count; index += 2) {
        const std::string name = arguments[index];
        if (index + 1 == count) usage(name + " needs a value");
        const std::string value = arguments[index + 1];
        if (name == "--postgres") flags.postgres = value;
        else if (name == "--mode") flags.mode = value;
        else if (name == "--skus") flags.skus = static_cast<int>(number(name, value, 1, 1e6));
        else if (name == "--stock") flags.stock = static_cast<int64_t>(number(name, value, 0, 1e15));
        else if (name == "--clients") flags.clients = static_cast<int>(number(name, value, 1, 90));
        else if (name == "--warmup") flags.warmup = number(name, value, 0, 60);
        else if (name == "--durable") flags.must_be_durable = value != "no";
        else if (name == "--seconds") flags.seconds = number(name, value, 0.1, 600);
        else usage("unknown flag " + name);
    }
    if (flags.postgres.empty()) usage("--postgres is missing");
    if (flags.mode != "reserve" && flags.mode != "soldout") usage("--mode is reserve or soldout");
    return flags;
}

// --- Tables ---------------------------------------------------------------------------------

void drop(const Flags& flags) {
    Connection server(flags.postgres, nullptr);
    server.query(std::string("DROP DATABASE IF EXISTS ") + kDatabase + " WITH (FORCE)");
}

void setup(const Flags& flags) {
    drop(flags);
    {
        Connection server(flags.postgres, nullptr);
        server.query(std::string("CREATE DATABASE ") + kDatabase);
    }
    Connection database(flags.postgres, kDatabase);
    // What a careful team would write first: text keys, a check that nothing is oversold, and the
    // index that makes a retry find its reservation.
    database.query(
        "CREATE TABLE stock (sku text PRIMARY KEY, available bigint NOT NULL"
        " CHECK (available >= 0)) WITH (fillfactor = 50)");
    database.query(
        "CREATE TABLE reservation (idempotency_key uuid PRIMARY KEY, sku text NOT NULL,"
        " quantity integer NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),"
        " expires_at timestamptz NOT NULL DEFAULT now() + interval '15 minutes')");
    database.query(
        "INSERT INTO stock SELECT 'SKU-' || n, " + std::to_string(flags.stock)
        + " FROM generate_series(0, " + std::to_string(flags.skus - 1) + ") AS n");
    database.query("VACUUM ANALYZE stock");
    // The price of making it is not part of what is measured.
    database.query("CHECKPOINT");
}

// --- Load -----------------------------------------------------------------------------------

enum Phase : int { kWarmUp, kMeasure, kOver };

struct Tally {
    uint64_t accepted = 0;
    uint64_t refused = 0;
    uint64_t accepted_ever = 0;
    std::vector<uint32_t> latencies;
    std::string failure;
};

class Client {
public:
    Client(const Flags& flags, const std::atomic<int>& phase, int index)
        : flags_(flags), phase_(phase), connection_(flags.postgres, kDatabase),
          random_(std::random_device{}() + static_cast<unsigned>(index)) {
        connection_.prepare("begin", "BEGIN");
        connection_.prepare("commit", "COMMIT");
        connection_.prepare("rollback", "ROLLBACK");
        connection_.prepare(
            "take",
            "UPDATE stock SET available = available - $2::integer"
            " WHERE sku = $1 AND available >= $2::integer");
        connection_.prepare(
            "keep", "INSERT INTO reservation (idempotency_key, sku, quantity)"
                    " VALUES ($1, $2, $3::integer)");
    }

    int backend() const { return connection_.backend(); }

    // Plays until the phase is over; each answer counts in the phase that it arrives in.
    void play(Tally& tally) {
        try {
            const bool only_takes = flags_.mode == "soldout";
            while (phase_.load(std::memory_order_relaxed) != kOver) {
                const auto start = Clock::now();
                const bool accepted = only_takes ? take() : reserve();
                const auto taken = Clock::now() - start;
                tally.accepted_ever += accepted ? 1 : 0;
                if (phase_.load(std::memory_order_relaxed) != kMeasure) continue;
                (accepted ? tally.accepted : tally.refused) += 1;
                tally.latencies.push_back(static_cast<uint32_t>(
                    std::chrono::duration_cast<std::chrono::microseconds>(taken).count()));
            }
        } catch (const std::exception& failure) {
            tally.failure = failure.what();
        }
    }

private:
    bool take() {
        choose();
        const char* values[] = {sku_, "1"};
        return connection_.execute("take", 2, values) == 1;
    }

    bool reserve() {
        connection_.execute("begin", 0, nullptr);
        if (!take()) {
            connection_.execute("rollback", 0, nullptr);
            return false;
        }
        char key[37];
        std::snprintf(
            key, sizeof key, "%08" PRIx32 "-%04" PRIx32 "-4%03" PRIx32 "-8%03" PRIx32 "-%012" PRIx64,
            static_cast<uint32_t>(random_()), static_cast<uint32_t>(random_() & 0xffff),
            static_cast<uint32_t>(random_() & 0xfff), static_cast<uint32_t>(random_() & 0xfff),
            static_cast<uint64_t>(random_() & 0xffff'ffff'ffff));
        const char* values[] = {key, sku_, "1"};
        connection_.execute("keep", 3, values);
        connection_.execute("commit", 0, nullptr);
        return true;
    }

    void choose() {
        const uint64_t index = random_() % static_cast<uint64_t>(flags_.skus);
        std::snprintf(sku_, sizeof sku_, "SKU-%" PRIu64, index);
    }

    const Flags& flags_;
    const std::atomic<int>& phase_;
    Connection connection_;
    std::mt19937_64 random_;
    char sku_[32] = {};
};

uint32_t percentile(const std::vector<uint32_t>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto rank = static_cast<size_t>(share * static_cast<double>(sorted.size()));
    return sorted[std::min(rank, sorted.size() - 1)];
}

// Units that are gone must be units that are reserved, and those that were accepted.
std::string fault(Connection& database, const Flags& flags, uint64_t before, uint64_t accepted) {
    const uint64_t kept = std::stoull(database.value("SELECT count(*) FROM reservation")) - before;
    if (flags.mode == "reserve" && kept != accepted) {
        return std::to_string(accepted) + " accepted, " + std::to_string(kept) + " kept";
    }
    if (flags.mode == "reserve" && accepted == 0) return "nothing was accepted";
    if (flags.mode == "soldout" && accepted != 0) return "something was accepted";
    return "";
}

void sleep_seconds(double seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

int run(const Flags& flags) {
    Connection database(flags.postgres, kDatabase);
    for (const char* setting : {"fsync", "synchronous_commit"}) {
        if (flags.must_be_durable && database.value(std::string("SHOW ") + setting) != "on") {
            throw Failure(std::string(setting) + " is off: that would be no fair comparison");
        }
    }
    const uint64_t before = std::stoull(database.value("SELECT count(*) FROM reservation"));
    std::atomic<int> phase{kWarmUp};
    std::vector<std::unique_ptr<Client>> clients;
    for (int index = 0; index < flags.clients; index++) {
        clients.push_back(std::make_unique<Client>(flags, phase, index));
    }
    std::vector<Tally> tallies(clients.size());
    std::vector<std::thread> threads;
    for (size_t index = 0; index < clients.size(); index++) {
        threads.emplace_back([&, index] { clients[index]->play(tallies[index]); });
    }
    sleep_seconds(flags.warmup);
    const int64_t postgres_before = postgres_microseconds(database.backend());
    const int64_t own_before = own_microseconds();
    const auto start = Clock::now();
    phase = kMeasure;
    sleep_seconds(flags.seconds);
    phase = kOver;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const int64_t own = own_microseconds() - own_before;
    const int64_t postgres = postgres_microseconds(database.backend()) - postgres_before;
    for (std::thread& thread : threads) thread.join();

    Tally sum;
    for (Tally& tally : tallies) {
        if (!tally.failure.empty()) throw Failure(tally.failure);
        sum.accepted += tally.accepted;
        sum.refused += tally.refused;
        sum.accepted_ever += tally.accepted_ever;
        sum.latencies.insert(sum.latencies.end(), tally.latencies.begin(), tally.latencies.end());
    }
    std::sort(sum.latencies.begin(), sum.latencies.end());
    const double requests = std::max<double>(1, static_cast<double>(sum.accepted + sum.refused));
    const std::string wrong = fault(database, flags, before, sum.accepted_ever);
    std::printf(
        "{\"peer\":\"naive\",\"mode\":\"%s\",\"clients\":%d,\"skus\":%d,\"seconds\":%.3f,"
        "\"accepted_per_s\":%.1f,\"refused_per_s\":%.1f,"
        "\"latency_us\":{\"p50\":%u,\"p90\":%u,\"p99\":%u,\"p99_9\":%u,\"max\":%u},"
        "\"cpu_us_per_request\":{\"postgres\":%.2f,\"generator\":%.2f},\"verdict\":\"%s\"}\n",
        flags.mode.c_str(), flags.clients, flags.skus, seconds,
        static_cast<double>(sum.accepted) / seconds, static_cast<double>(sum.refused) / seconds,
        percentile(sum.latencies, 0.5), percentile(sum.latencies, 0.9),
        percentile(sum.latencies, 0.99), percentile(sum.latencies, 0.999),
        sum.latencies.empty() ? 0 : sum.latencies.back(), static_cast<double>(postgres) / requests,
        static_cast<double>(own) / requests, wrong.empty() ? "good" : wrong.c_str());
    return wrong.empty() ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
    const Flags flags = parse(count, arguments);
    try {
        if (flags.command == "setup") setup(flags);
        if (flags.command == "drop") drop(flags);
        return flags.command == "run" ? run(flags) : 0;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "naive_peer: %s\n", failure.what());
        return 1;
    }
}
