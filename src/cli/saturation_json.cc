#include "cli/saturation_json.h"

#include <nlohmann/json.hpp>

#include "evidence/saturation.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned kJsonSchema = 1;

Json saturation_json(const Evidence& evidence) {
  const Saturation saturation = saturation_of(evidence);
  Json json = {{"runs", saturation.runs},
               {"quiet_runs", saturation.quiet_runs},
               {"calls", saturation.calls},
               {"new_runs", saturation.new_runs},
               {"chance_of_new", saturation.chance_of_new()},
               {"limit_of_chance", saturation.limit_of_chance()},
               {"rare", Json::array()}};
  if (saturation.span_ns && saturation.quiet_ns) {
    json["hours"] = static_cast<double>(*saturation.span_ns) / kNsPerHour;
    json["quiet_hours"] = static_cast<double>(*saturation.quiet_ns) / kNsPerHour;
  }
  for (const RareCalls& rare : saturation.rare) {
    json["rare"].push_back({{"runs_seen", rare.runs_seen}, {"calls", rare.calls}});
  }
  return json;
}

}  // namespace

std::string merge_document(const Joined& joined) {
  Json document = {{"schema", kJsonSchema}, {"files", Json::array()}};
  for (const Contribution& file : joined.files) {
    Json each = {{"file", file.file},
                 {"runs", file.runs},
                 {"calls", file.calls},
                 {"new_calls", Json::array()}};
    for (const NewCall& call : file.new_calls) {
      each["new_calls"].push_back({{"name", call.name}, {"runs_seen", call.runs_seen}});
    }
    document["files"].push_back(std::move(each));
  }
  document["warnings"] = joined.warnings;
  document["observed"] = joined.evidence.observed();
  document["lost"] = joined.evidence.lost;
  document["saturation"] = saturation_json(joined.evidence);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string saturation_document(const std::vector<std::string>& files, const Evidence& evidence,
                                const Wanted& wanted, const std::string& why_not) {
  Json json = {{"schema", kJsonSchema},
               {"files", files},
               {"program", evidence.program.path},
               {"lost", evidence.lost},
               {"saturation", saturation_json(evidence)},
               {"wanted", Json::object()},
               {"enough", why_not.empty()},
               {"why_not", why_not}};
  if (wanted.quiet_runs) json["wanted"]["quiet_runs"] = *wanted.quiet_runs;
  if (wanted.quiet_hours) json["wanted"]["quiet_hours"] = *wanted.quiet_hours;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sysnare::cli
