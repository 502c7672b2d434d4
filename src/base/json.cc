#include "base/json.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/text.h"

namespace sysnare::json {
namespace {

using Library = nlohmann::json;

/// Counts lines while the library reads: its events carry no position.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::uint32_t* line) : at_(at), line_(line) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    if (*at_ == '\n') ++*line_;
    ++at_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  std::uint32_t* line_;
};

/// Receives the library's events and builds the tree with an explicit stack.
class Builder : public nlohmann::json_sax<Library> {
 public:
  Builder(std::string_view name, const std::uint32_t* line) : name_(name), line_(line) {}

  bool null() override { return add({nullptr, *line_}); }
  bool boolean(bool value) override { return add({value, *line_}); }
  bool number_integer(number_integer_t value) override { return add({value, *line_}); }
  bool number_unsigned(number_unsigned_t value) override { return add({value, *line_}); }
  bool number_float(number_float_t value, const string_t& text) override {
    return add({Real{value, text}, *line_});
  }
  bool string(string_t& value) override { return add({std::move(value), *line_}); }
  bool binary(binary_t&) override { return stop("binary data in JSON"); }

  bool start_object(std::size_t) override { return open({Object(), *line_}); }
  bool start_array(std::size_t) override { return open({Array(), *line_}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (!is_new(level, name)) {
      return stop(fmt::format("key \"{}\" stands twice in one object", printable(name)));
    }
    level.key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    // The library's text opens with "[json.exception.…] parse error at line 3, column 7: "; keep
    // what follows, which says what was read and what was expected.
    std::string_view text = e.what();
    if (const std::size_t at = text.find(": "); at != std::string_view::npos) {
      text.remove_prefix(at + 2);
    }
    return stop(fmt::format("not JSON: {}", printable(text)));
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  Value take() { return std::move(root_); }

 private:
  struct Level {
    Value value;
    std::string key;
    std::set<std::string> keys;  ///< of an object with more than kFew
  };

  /// Up to so many keys are compared one by one, which takes less than a set of them.
  static constexpr std::size_t kFew = 8;

  static bool is_new(Level& level, const std::string& name) {
    const Object& members = std::get<Object>(level.value.data);
    if (members.size() < kFew) {
      for (const auto& [key, value] : members) {
        if (key == name) return false;
      }
      return true;
    }
    if (level.keys.empty()) {
      for (const auto& [key, value] : members) level.keys.insert(key);
    }
    return level.keys.insert(name).second;
  }

  bool stop(std::string text) {
    error_ = Error{Errc::kBadInput, fmt::format("{}:{}: {}", name_, *line_, text), 0};
    return false;
  }

  bool count() {
    if (++values_ > kMaxValues) return stop(fmt::format("more than {} values", kMaxValues));
    return true;
  }

  bool add(Value value) {
    if (!count()) return false;
    put(std::move(value));
    return true;
  }

  void put(Value value) {
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (auto* object = std::get_if<Object>(&levels_.back().value.data)) {
      object->emplace_back(std::move(levels_.back().key), std::move(value));
    } else {
      std::get<Array>(levels_.back().value.data).push_back(std::move(value));
    }
  }

  bool open(Value value) {
    if (!count()) return false;
    if (levels_.size() >= kMaxDepth) {
      return stop(fmt::format("nested deeper than {} levels", kMaxDepth));
    }
    levels_.push_back(Level{std::move(value), {}, {}});
    return true;
  }

  bool close() {
    Value value = std::move(levels_.back().value);
    levels_.pop_back();
    put(std::move(value));
    return true;
  }

  std::string_view name_;
  const std::uint32_t* line_;
  std::vector<Level> levels_;
  Value root_;
  std::size_t values_ = 0;
  std::optional<Error> error_;
};

/// As much of a text as a message bears.
std::string cut(std::string text) {
  constexpr std::size_t kShown = 60;
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return text;
}

/// A short form of the value for messages: `"SCMP_ACT_FOO"`, `4096`, `an array`.
std::string show(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) {
    return fmt::format("\"{}\"", cut(printable(*text)));
  }
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return std::to_string(*number);
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) return std::to_string(*number);
  if (const auto* number = std::get_if<Real>(&value.data)) return cut(number->text);
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  return std::string(value.kind());
}

}  // namespace

std::string_view Value::kind() const {
  static constexpr std::string_view kKinds[] = {"null",     "a boolean", "a number", "a number",
                                                "a number", "a string",  "an array", "an object"};
  return kKinds[data.index()];
}

Result<Value> parse(std::string_view text, std::string_view name) {
  std::uint32_t line = 1;
  if (const std::size_t at = text.find('\0'); at != std::string_view::npos) {
    // The library says of it "last read: '<U+0000>'", after whatever else it stumbles over.
    line += static_cast<std::uint32_t>(std::count(text.begin(), text.begin() + at, '\n'));
    return sysnare::fail(Errc::kBadInput,
                         "{}:{}: not JSON: byte {} of the file is 0, so it is no text", name, line,
                         at + 1);
  }
  Builder builder(name, &line);
  const bool done =
      Library::sax_parse(CountingIterator(text.data(), &line),
                         CountingIterator(text.data() + text.size(), &line), &builder);
  if (builder.error()) return Failure(*builder.error());
  if (!done) return sysnare::fail(Errc::kBadInput, "{}:{}: not JSON", name, line);
  return builder.take();
}

bool Cursor::is_null() const { return std::holds_alternative<std::nullptr_t>(value_->data); }
bool Cursor::is_string() const { return std::holds_alternative<std::string>(value_->data); }
bool Cursor::is_object() const { return std::holds_alternative<Object>(value_->data); }
bool Cursor::is_array() const { return std::holds_alternative<Array>(value_->data); }
bool Cursor::is_number() const {
  return std::holds_alternative<std::int64_t>(value_->data) ||
         std::holds_alternative<std::uint64_t>(value_->data) ||
         std::holds_alternative<Real>(value_->data);
}

std::string Cursor::where() const {
  return fmt::format("{}:{}: {}", name_, value_->line, path_.empty() ? "top level" : path_);
}

Failure Cursor::fail_text(std::string_view text) const {
  return sysnare::fail(Errc::kBadInput, "{}: {}", where(), text);
}

Failure Cursor::wrong(std::string_view wanted) const {
  return fail("{} is needed here, not {}", wanted, show(*value_));
}

Cursor Cursor::child(const Value& value, std::string path) const {
  Cursor cursor(value, name_);
  cursor.path_ = std::move(path);
  return cursor;
}

const Value* Cursor::find(std::string_view key) const {
  const auto* object = std::get_if<Object>(&value_->data);
  if (object == nullptr) return nullptr;
  for (const auto& member : *object) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

const Value* Cursor::given(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr || std::holds_alternative<std::nullptr_t>(value->data) ? nullptr : value;
}

bool Cursor::has(std::string_view key) const { return given(key) != nullptr; }

Result<std::string> Cursor::string() const {
  if (const auto* text = std::get_if<std::string>(&value_->data)) return *text;
  return wrong("a string");
}

Result<bool> Cursor::boolean() const {
  if (const auto* flag = std::get_if<bool>(&value_->data)) return *flag;
  return wrong("true or false");
}

Result<std::uint64_t> Cursor::u64(std::uint64_t low, std::uint64_t high) const {
  const auto* number = std::get_if<std::uint64_t>(&value_->data);
  if (number == nullptr || *number < low || *number > high) {
    return wrong(fmt::format("a whole number from {} to {}", low, high));
  }
  return *number;
}

Result<double> Cursor::number() const {
  if (const auto* value = std::get_if<Real>(&value_->data)) return value->value;
  if (const auto* value = std::get_if<std::int64_t>(&value_->data)) {
    return static_cast<double>(*value);
  }
  if (const auto* value = std::get_if<std::uint64_t>(&value_->data)) {
    return static_cast<double>(*value);
  }
  return wrong("a number");
}

Result<std::uint64_t> Cursor::u64_or_hex() const {
  const auto* text = std::get_if<std::string>(&value_->data);
  if (text == nullptr) return u64();
  const auto value = parse_u64(*text);
  if (!value) return wrong("a whole number or a string like \"0x1f\"");
  return *value;
}

Result<std::vector<Cursor>> Cursor::items() const {
  const auto* array = std::get_if<Array>(&value_->data);
  if (array == nullptr) return wrong("an array");
  std::vector<Cursor> cursors;
  cursors.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    cursors.push_back(child((*array)[i], fmt::format("{}[{}]", path_, i)));
  }
  return cursors;
}

Result<std::vector<std::string>> Cursor::strings() const {
  Result<std::vector<Cursor>> cursors = items();
  if (!cursors) return propagate(cursors);
  std::vector<std::string> texts;
  for (const Cursor& cursor : *cursors) {
    Result<std::string> text = cursor.string();
    if (!text) return propagate(text);
    texts.push_back(std::move(*text));
  }
  return texts;
}

Result<std::vector<std::pair<std::string, Cursor>>> Cursor::members() const {
  const auto* object = std::get_if<Object>(&value_->data);
  if (object == nullptr) return wrong("an object");
  std::vector<std::pair<std::string, Cursor>> cursors;
  cursors.reserve(object->size());
  for (const auto& [key, value] : *object) {
    const std::string path = path_.empty() ? printable(key) : path_ + "." + printable(key);
    cursors.emplace_back(key, child(value, path));
  }
  return cursors;
}

Result<Cursor> Cursor::at(std::string_view key) const {
  if (!is_object()) return wrong("an object");
  const Value* value = find(key);
  if (value == nullptr) return fail("\"{}\" is missing", key);
  return child(*value, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key));
}

Result<void> Cursor::read(std::string_view key, std::string& out) const {
  const Value* value = given(key);
  if (value == nullptr) return {};
  const auto* text = std::get_if<std::string>(&value->data);
  if (text == nullptr) return at(key)->wrong("a string");
  out = *text;
  return {};
}

Result<void> Cursor::read(std::string_view key, std::vector<std::string>& out) const {
  if (!has(key)) return {};
  Result<std::vector<std::string>> texts = at(key)->strings();
  if (!texts) return propagate(texts);
  out = std::move(*texts);
  return {};
}

Result<void> Cursor::read(std::string_view key, std::uint64_t& out, std::uint64_t high) const {
  const Value* there = given(key);
  if (there == nullptr) return {};
  if (const auto* number = std::get_if<std::uint64_t>(&there->data);
      number != nullptr && *number <= high) {
    out = *number;
    return {};
  }
  const Result<Cursor> member = at(key);
  Result<std::uint64_t> value = member->u64_or_hex();
  if (!value) return propagate(value);
  if (*value > high) return member->fail("{} is above {}", *value, high);
  out = *value;
  return {};
}

Result<std::vector<Cursor>> Cursor::items_of(std::string_view key) const {
  if (!has(key)) return std::vector<Cursor>();
  return at(key)->items();
}

Result<std::vector<std::pair<std::string, Cursor>>> Cursor::members_of(std::string_view key) const {
  if (!has(key)) return std::vector<std::pair<std::string, Cursor>>();
  return at(key)->members();
}

std::string quote(std::string_view text) {
  return Library(std::string(text)).dump(-1, ' ', false, Library::error_handler_t::replace);
}

}  // namespace sysnare::json
