#include "profile/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>

#include "base/text.h"

namespace sysnare {
namespace {

using json::Value;

/// A parser with its input; deletes what libyaml allocated.
class Events {
 public:
  Events(std::string_view text, std::string_view name) : name_(name) {
    ready_ = yaml_parser_initialize(&parser_) != 0;
    if (!ready_) return;
    // libyaml asserts that there is an address, and an empty view need not have one.
    if (text.data() == nullptr) text = "";
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Events() {
    if (ready_) yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// The event stands in event() until the next call.
  Result<void> next() {
    if (!ready_) return fail(Errc::kSystem, "{}: no memory for a YAML parser", name_);
    event_.reset();
    yaml_event_t event;
    if (yaml_parser_parse(&parser_, &event) == 0) {
      return fail(Errc::kBadInput, "{}:{}: not YAML: {}", name_, parser_.problem_mark.line + 1,
                  parser_.problem == nullptr ? "unreadable" : printable(parser_.problem));
    }
    event_ = std::unique_ptr<yaml_event_t, Delete>(new yaml_event_t(event));
    return {};
  }
  [[nodiscard]] const yaml_event_t& event() const { return *event_; }
  [[nodiscard]] std::uint32_t line() const {
    return static_cast<std::uint32_t>(event_->start_mark.line + 1);
  }
  template <typename... Args>
  Failure bad(fmt::format_string<Args...> format, Args&&... args) const {
    return fail(Errc::kBadInput, "{}:{}: {}", name_, line(),
                fmt::vformat(format, fmt::make_format_args(args...)));
  }

 private:
  struct Delete {
    void operator()(yaml_event_t* event) const {
      yaml_event_delete(event);
      delete event;  // NOLINT: made in next()
    }
  };
  yaml_parser_t parser_{};
  std::string_view name_;
  std::unique_ptr<yaml_event_t, Delete> event_;
  bool ready_ = false;
};

std::string_view bytes(const yaml_char_t* text, std::size_t length) {
  return {reinterpret_cast<const char*>(text), length};
}

/// What a plain scalar means in the core schema. Floating point is kept as text: nothing here asks
/// for it.
Value plain_scalar(std::string_view text) {
  Value value;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return value;
  }
  if (text == "true" || text == "True" || text == "TRUE") {
    value.data = true;
    return value;
  }
  if (text == "false" || text == "False" || text == "FALSE") {
    value.data = false;
    return value;
  }
  if (const auto number = parse_u64(text)) {
    value.data = *number;
    return value;
  }
  std::int64_t negative = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), negative);
  if (error == std::errc() && end == text.data() + text.size()) {
    value.data = negative;
  } else {
    value.data = std::string(text);
  }
  return value;
}

class Builder {
 public:
  explicit Builder(Events& events) : events_(events) {}

  /// The node whose first event is the current one.
  Result<Value> node(std::size_t depth) {
    if (depth > json::kMaxDepth) {
      return events_.bad("nested deeper than {} levels", json::kMaxDepth);
    }
    if (++values_ > json::kMaxValues) return events_.bad("more than {} values", json::kMaxValues);
    const yaml_event_t& event = events_.event();
    const std::uint32_t line = events_.line();
    switch (event.type) {
      case YAML_ALIAS_EVENT:
        return events_.bad("an alias (*name); write out what it stands for");
      case YAML_SCALAR_EVENT: {
        const auto& scalar = event.data.scalar;
        if (scalar.anchor != nullptr) return anchored();
        if (scalar.tag != nullptr) return tagged();
        const std::string_view text = bytes(scalar.value, scalar.length);
        Value value;
        if (scalar.style == YAML_PLAIN_SCALAR_STYLE) {
          value = plain_scalar(text);
        } else {
          value.data = std::string(text);
        }
        value.line = line;
        return value;
      }
      case YAML_SEQUENCE_START_EVENT:
        if (event.data.sequence_start.anchor != nullptr) return anchored();
        if (event.data.sequence_start.tag != nullptr) return tagged();
        return sequence(line, depth);
      case YAML_MAPPING_START_EVENT:
        if (event.data.mapping_start.anchor != nullptr) return anchored();
        if (event.data.mapping_start.tag != nullptr) return tagged();
        return mapping(line, depth);
      default:
        return events_.bad("a value is missing");
    }
  }

 private:
  Failure anchored() { return events_.bad("an anchor (&name); it is not read, leave it out"); }
  Failure tagged() { return events_.bad("a tag (!name); it is not read, leave it out"); }

  Result<Value> sequence(std::uint32_t line, std::size_t depth) {
    json::Array array;
    for (;;) {
      if (Result<void> next = events_.next(); !next) return propagate(next);
      if (events_.event().type == YAML_SEQUENCE_END_EVENT) break;
      Result<Value> item = node(depth + 1);
      if (!item) return item;
      array.push_back(std::move(*item));
    }
    Value value;
    value.data = std::move(array);
    value.line = line;
    return value;
  }

  Result<Value> mapping(std::uint32_t line, std::size_t depth) {
    json::Object object;
    std::set<std::string> seen;
    for (;;) {
      if (Result<void> next = events_.next(); !next) return propagate(next);
      if (events_.event().type == YAML_MAPPING_END_EVENT) break;
      if (events_.event().type != YAML_SCALAR_EVENT) {
        return events_.bad("a key that is no text");
      }
      const auto& scalar = events_.event().data.scalar;
      std::string key(bytes(scalar.value, scalar.length));
      if (!seen.insert(key).second) {
        return events_.bad("key \"{}\" stands twice in one object", printable(key));
      }
      if (Result<void> next = events_.next(); !next) return propagate(next);
      Result<Value> value = node(depth + 1);
      if (!value) return value;
      object.emplace_back(std::move(key), std::move(*value));
    }
    Value value;
    value.data = std::move(object);
    value.line = line;
    return value;
  }

  Events& events_;
  std::size_t values_ = 0;
};

}  // namespace

Result<Value> parse_yaml(std::string_view text, std::string_view name) {
  if (text.size() > kMaxYaml) {
    return fail(Errc::kBadInput, "{}: {} bytes of YAML, at most {} are read", name, text.size(),
                kMaxYaml);
  }
  Events events(text, name);
  // Stream start, document start.
  for (int i = 0; i < 2; ++i) {
    if (Result<void> next = events.next(); !next) return propagate(next);
  }
  if (events.event().type == YAML_STREAM_END_EVENT) {
    return fail(Errc::kBadInput, "{}: no YAML document in it", name);
  }
  if (Result<void> next = events.next(); !next) return propagate(next);
  Result<Value> value = Builder(events).node(0);
  if (!value) return value;
  // Document end, stream end.
  for (int i = 0; i < 2; ++i) {
    if (Result<void> next = events.next(); !next) return propagate(next);
  }
  if (events.event().type != YAML_STREAM_END_EVENT) {
    return events.bad("a second document; give one a file");
  }
  return value;
}

namespace {

extern "C" int append_yaml(void* text, unsigned char* buffer, std::size_t size) {
  static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(buffer), size);
  return 1;
}

/// Whether a plain scalar of this text is read as this text, by readers of YAML 1.1 too ("no").
bool reads_as_text(std::string_view text) {
  if (text.empty()) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!letter(text.front()) && text.front() != '_') return false;
  const bool safe = std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
  });
  if (!safe) return false;
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  static constexpr std::string_view kOther[] = {"true", "false", "null", "yes", "no",
                                                "on",   "off",   "y",    "n"};
  return std::find(std::begin(kOther), std::end(kOther), lower) == std::end(kOther);
}

class Emitter {
 public:
  explicit Emitter(std::string& text) {
    ready_ = yaml_emitter_initialize(&emitter_) != 0;
    if (!ready_) return;
    yaml_emitter_set_output(&emitter_, append_yaml, &text);
    yaml_emitter_set_unicode(&emitter_, 1);
  }
  ~Emitter() {
    if (ready_) yaml_emitter_delete(&emitter_);
  }
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  bool document(const Value& value) {
    yaml_event_t event;
    return ready_ && yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) != 0 &&
           emit(event) &&
           yaml_document_start_event_initialize(&event, nullptr, nullptr, nullptr, 1) != 0 &&
           emit(event) && node(value) && yaml_document_end_event_initialize(&event, 1) != 0 &&
           emit(event) && yaml_stream_end_event_initialize(&event) != 0 && emit(event);
  }

 private:
  bool emit(yaml_event_t& event) { return yaml_emitter_emit(&emitter_, &event) != 0; }

  bool scalar(std::string_view text, bool quoted) {
    yaml_event_t event;
    const auto* data = reinterpret_cast<const yaml_char_t*>(text.data());
    // libyaml takes the length as an int; texts here come from files of at most kMaxTextFile.
    return yaml_scalar_event_initialize(
               &event, nullptr, nullptr, data, static_cast<int>(text.size()), 1, 1,
               quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE) != 0 &&
           emit(event);
  }

  bool node(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value.data)) {
      return scalar(*text, !reads_as_text(*text));
    }
    if (const auto* number = std::get_if<std::uint64_t>(&value.data)) {
      return scalar(std::to_string(*number), false);
    }
    if (const auto* number = std::get_if<std::int64_t>(&value.data)) {
      return scalar(std::to_string(*number), false);
    }
    if (const auto* number = std::get_if<json::Real>(&value.data)) {
      return scalar(fmt::format("{}", number->value), false);
    }
    if (const auto* flag = std::get_if<bool>(&value.data)) {
      return scalar(*flag ? "true" : "false", false);
    }
    if (const auto* array = std::get_if<json::Array>(&value.data)) return sequence(*array);
    if (const auto* object = std::get_if<json::Object>(&value.data)) return mapping(*object);
    return scalar("null", false);
  }

  bool sequence(const json::Array& array) {
    yaml_event_t event;
    // An empty one in block style would be nothing, which reads as null.
    const auto style = array.empty() ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
    if (yaml_sequence_start_event_initialize(&event, nullptr, nullptr, 1, style) == 0) return false;
    if (!emit(event)) return false;
    for (const Value& item : array) {
      if (!node(item)) return false;
    }
    return yaml_sequence_end_event_initialize(&event) != 0 && emit(event);
  }

  bool mapping(const json::Object& object) {
    yaml_event_t event;
    const auto style = object.empty() ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE;
    if (yaml_mapping_start_event_initialize(&event, nullptr, nullptr, 1, style) == 0) return false;
    if (!emit(event)) return false;
    for (const auto& [key, value] : object) {
      if (!scalar(key, !reads_as_text(key)) || !node(value)) return false;
    }
    return yaml_mapping_end_event_initialize(&event) != 0 && emit(event);
  }

  yaml_emitter_t emitter_{};
  bool ready_ = false;
};

}  // namespace

Result<std::string> write_yaml(const Value& value) {
  std::string text;
  // The emitter flushes into `text` when it is deleted at the latest.
  {
    Emitter emitter(text);
    if (!emitter.document(value)) {
      return fail(Errc::kBadInput, "a text in the profile cannot be written as YAML");
    }
  }
  return text;
}

}  // namespace sysnare
