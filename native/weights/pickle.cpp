#include "weights/pickle.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>

namespace relievo {
namespace {

using Kind = PickleValue::Kind;

// The limit is far above the largest published checkpoint, which makes some ten thousand values.
constexpr size_t kMaxValues = 1'000'000;
constexpr size_t kMaxStack = 4'000'000;
constexpr size_t kMaxPickleBytes = size_t{64} << 20;
constexpr size_t kMaxDimensions = 64;

struct StorageFacts {
  std::string_view name;
  DType dtype;
};
constexpr std::array<StorageFacts, 10> kStorages{{{"torch DoubleStorage", DType::kFloat64},
                                                  {"torch FloatStorage", DType::kFloat32},
                                                  {"torch HalfStorage", DType::kFloat16},
                                                  {"torch BFloat16Storage", DType::kBFloat16},
                                                  {"torch LongStorage", DType::kInt64},
                                                  {"torch IntStorage", DType::kInt32},
                                                  {"torch ShortStorage", DType::kInt16},
                                                  {"torch CharStorage", DType::kInt8},
                                                  {"torch ByteStorage", DType::kUInt8},
                                                  {"torch BoolStorage", DType::kBool}}};
constexpr std::string_view kOrderedDict = "collections OrderedDict";
constexpr std::string_view kRebuildTensor = "torch._utils _rebuild_tensor";
constexpr std::string_view kRebuildTensor2 = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils _rebuild_parameter";
constexpr std::array kCallables{kOrderedDict, kRebuildTensor, kRebuildTensor2, kRebuildParameter};

const StorageFacts* find_storage(std::string_view name) {
  const auto* found =
      std::find_if(kStorages.begin(), kStorages.end(), [&](const auto& s) { return s.name == name; });
  return found == kStorages.end() ? nullptr : found;
}

/// Returns the allowed name, as text that lives as long as the program; throws for any other.
std::string_view allowed_global(std::string_view module, std::string_view name) {
  const std::string full = std::string(module) + " " + std::string(name);
  if (const StorageFacts* storage = find_storage(full)) return storage->name;
  const auto* found = std::find(kCallables.begin(), kCallables.end(), full);
  if (found != kCallables.end()) return *found;
  std::string shown = std::string(module.substr(0, 100)) + "." + std::string(name.substr(0, 100));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  throw std::runtime_error("it asks for '" + shown + "', which is no part of a tensor");
}

class Machine {
 public:
  explicit Machine(std::span<const std::byte> bytes)
      : bytes_(bytes.first(std::min(bytes.size(), kMaxPickleBytes))) {
    none_ = make(Kind::kPlain);
    true_ = make(Kind::kBool);
    true_->number = 1;
    false_ = make(Kind::kBool);
    empty_tuple_ = make(Kind::kSequence);
  }

  Pickle run() {
    while (!step(take<uint8_t>())) {
      if (stack_.size() + marks_.size() > kMaxStack || memo_.size() > kMaxValues)
        throw std::runtime_error("its pickle holds too many values");
    }
    pickle_.top = pop();
    pickle_.bytes = at_;
    return std::move(pickle_);
  }

 private:
  template <typename T>
  T take() {
    T value;
    const std::span<const std::byte> raw = take_bytes(sizeof value);
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }

  std::span<const std::byte> take_bytes(uint64_t count) {
    if (count > bytes_.size() - at_) throw std::runtime_error("its pickle is cut short or too long");
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }

  std::string_view take_text(uint64_t count) {
    const auto raw = take_bytes(count);
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }

  std::string_view take_line() {
    const auto rest = bytes_.subspan(at_);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    if (end == rest.end()) throw std::runtime_error("its pickle is cut short");
    const std::string_view line = take_text(static_cast<uint64_t>(end - rest.begin()));
    ++at_;
    return line;
  }

  static int64_t parsed(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      throw std::runtime_error("its pickle has a bad number");
    return value;
  }

  PickleValue* make(Kind kind) {
    if (pickle_.values.size() >= kMaxValues) throw std::runtime_error("its pickle holds too many values");
    pickle_.values.emplace_back().kind = kind;
    return &pickle_.values.back();
  }

  void push(PickleValue* value) { stack_.push_back(value); }
  void push_int(int64_t number) {
    push(make(Kind::kInt));
    stack_.back()->number = number;
  }
  void push_text(std::string_view text) {
    push(make(Kind::kText));
    stack_.back()->text = text;
  }

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleValue* pop() {
    if (stack_.size() <= floor()) throw std::runtime_error("its pickle takes more than it has");
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  PickleValue* peek() const {
    if (stack_.size() <= floor()) throw std::runtime_error("its pickle takes more than it has");
    return stack_.back();
  }

  std::vector<PickleValue*> pop_to_mark() {
    if (marks_.empty()) throw std::runtime_error("its pickle has no mark");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleValue*> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  void push_sequence(std::vector<PickleValue*> items) {
    push(make(Kind::kSequence));
    stack_.back()->items = std::move(items);
  }

  void push_tuple(size_t count) {
    std::vector<PickleValue*> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    push_sequence(std::move(items));
  }

  void append(PickleValue* target, Kind kind, const std::vector<PickleValue*>& items) {
    if (target->kind == Kind::kPlain) return;  // a set
    if (target->kind != kind || target == empty_tuple_)
      throw std::runtime_error("its pickle fills what is no container");
    if (kind == Kind::kDict && items.size() % 2 != 0)
      throw std::runtime_error("its pickle has a key without a value");
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  void put(uint64_t index) { memo_[index] = peek(); }
  void get(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) throw std::runtime_error("its pickle recalls what it never kept");
    push(found->second);
  }

  static int64_t integer(const PickleValue* value) {
    if (value->kind != Kind::kInt || value->number < 0)
      throw std::runtime_error("a tensor's size is not a natural number");
    return value->number;
  }

  static std::vector<int64_t> integers(const PickleValue* value) {
    if (value->kind != Kind::kSequence || value->items.size() > kMaxDimensions)
      throw std::runtime_error("a tensor's shape is not a list");
    std::vector<int64_t> numbers;
    for (const PickleValue* item : value->items) numbers.push_back(integer(item));
    return numbers;
  }

  static std::string_view text(const PickleValue* value) {
    if (value->kind != Kind::kText) throw std::runtime_error("a storage's key is no text");
    return value->text;
  }

  /// Reads ('storage', type, key, location, elements[, view]), PyTorch's persistent id of a storage.
  void push_storage(const PickleValue* id) {
    if (id->kind != Kind::kSequence || id->items.size() < 5 || id->items.size() > 6 ||
        text(id->items[0]) != "storage")
      throw std::runtime_error("it refers to something that is no storage");
    const StorageFacts* facts =
        id->items[1]->kind == Kind::kGlobal ? find_storage(id->items[1]->text) : nullptr;
    if (!facts) throw std::runtime_error("a storage has no type");
    // Views of storages in the old format were given up long before the published models were written.
    if (id->items.size() == 6 && id->items[5] != none_) throw std::runtime_error("it has views of storages");
    PickleValue* storage = make(Kind::kStorage);
    storage->dtype = facts->dtype;
    storage->text = text(id->items[2]);
    storage->number = integer(id->items[4]);
    push(storage);
  }

  void call(const PickleValue* function, const PickleValue* arguments) {
    if (function->kind != Kind::kGlobal) throw std::runtime_error("its pickle calls what cannot be called");
    if (arguments->kind != Kind::kSequence) throw std::runtime_error("its pickle calls without arguments");
    const auto& items = arguments->items;
    if (function->text == kOrderedDict) {
      if (!items.empty()) throw std::runtime_error("it fills a dictionary in an unknown way");
      push(make(Kind::kDict));
    } else if (function->text == kRebuildParameter) {
      if (items.empty() || items[0]->kind != Kind::kTensor)
        throw std::runtime_error("a parameter has no tensor");
      push(items[0]);
    } else if (function->text == kRebuildTensor || function->text == kRebuildTensor2) {
      if (items.size() < 4 || items[0]->kind != Kind::kStorage)
        throw std::runtime_error("a tensor has no storage");
      PickleValue* tensor = make(Kind::kTensor);
      tensor->dtype = items[0]->dtype;
      tensor->text = items[0]->text;
      tensor->storage_elements = items[0]->number;
      tensor->number = integer(items[1]);
      tensor->shape = integers(items[2]);
      tensor->strides = integers(items[3]);
      if (tensor->shape.size() != tensor->strides.size())
        throw std::runtime_error("a tensor's shape and strides differ");
      push(tensor);
    } else {
      throw std::runtime_error("it calls '" + std::string(function->text) + "'");
    }
  }

  void push_global(std::string_view module, std::string_view name) {
    push(make(Kind::kGlobal));
    stack_.back()->text = allowed_global(module, name);
  }

  void push_long(std::span<const std::byte> digits) {
    if (digits.size() > 8) {  // such as the old format's magic number
      push(make(Kind::kPlain));
      stack_.back()->text = {reinterpret_cast<const char*>(digits.data()), digits.size()};
      return;
    }
    uint64_t value = !digits.empty() && (digits.back() & std::byte{0x80}) != std::byte{0} ? ~uint64_t{0} : 0;
    std::memcpy(&value, digits.data(), digits.size());
    push_int(static_cast<int64_t>(value));
  }

  bool step(uint8_t instruction);
  bool step_text(uint8_t instruction);

  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  Pickle pickle_;
  PickleValue *none_, *true_, *false_, *empty_tuple_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

/// Handles texts and byte strings. Returns whether the instruction was one of them.
bool Machine::step_text(uint8_t instruction) {
  switch (instruction) {
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING, BINBYTES of Python 2
    case 'B':
      push_text(take_text(take<uint32_t>()));
      return true;
    case 0x8c:  // SHORT_BINUNICODE, SHORT_BINSTRING, SHORT_BINBYTES
    case 'U':
    case 'C':
      push_text(take_text(take<uint8_t>()));
      return true;
    case 0x8d:  // BINUNICODE8, BINBYTES8
    case 0x8e:
      push_text(take_text(take<uint64_t>()));
      return true;
    default:
      return false;
  }
}

/// Executes one instruction; returns true at the end.
bool Machine::step(uint8_t instruction) {
  if (step_text(instruction)) return false;
  switch (instruction) {
    case 0x80:  // PROTO
      if (take<uint8_t>() > 5) throw std::runtime_error("its pickle is of an unknown version");
      break;
    case 0x95:  // FRAME
      take<uint64_t>();
      break;
    case '.':  // STOP
      return true;
    case '(':  // MARK
      marks_.push_back(stack_.size());
      break;
    case '0':  // POP
      if (!marks_.empty() && stack_.size() == marks_.back()) {
        marks_.pop_back();
      } else {
        pop();
      }
      break;
    case '1':  // POP_MARK
      pop_to_mark();
      break;
    case '2':  // DUP
      push(peek());
      break;
    case 'N':
      push(none_);
      break;
    case 0x88:  // NEWTRUE
      push(true_);
      break;
    case 0x89:  // NEWFALSE
      push(false_);
      break;
    case 'I': {  // INT
      // In the first version of the protocol, True and False are numbers of two digits.
      const std::string_view line = take_line();
      if (line == "01" || line == "00") {
        push(line == "01" ? true_ : false_);
      } else {
        push_int(parsed(line));
      }
      break;
    }
    case 'J':  // BININT
      push_int(take<int32_t>());
      break;
    case 'K':  // BININT1
      push_int(take<uint8_t>());
      break;
    case 'M':  // BININT2
      push_int(take<uint16_t>());
      break;
    case 0x8a:  // LONG1
      push_long(take_bytes(take<uint8_t>()));
      break;
    case 0x8b: {  // LONG4
      const auto count = take<int32_t>();
      if (count < 0) throw std::runtime_error("its pickle has a bad number");
      push_long(take_bytes(static_cast<uint64_t>(count)));
      break;
    }
    case 'G':  // BINFLOAT
      take<uint64_t>();
      push(none_);
      break;
    case ')':  // EMPTY_TUPLE
      push(empty_tuple_);
      break;
    case ']':  // EMPTY_LIST
      push(make(Kind::kSequence));
      break;
    case '}':  // EMPTY_DICT
      push(make(Kind::kDict));
      break;
    case 0x8f:  // EMPTY_SET
      push(make(Kind::kPlain));
      break;
    case 0x91:  // FROZENSET
      pop_to_mark();
      push(make(Kind::kPlain));
      break;
    case 't':  // TUPLE, LIST
    case 'l':
      push_sequence(pop_to_mark());
      break;
    case 0x85:  // TUPLE1, TUPLE2, TUPLE3
    case 0x86:
    case 0x87:
      push_tuple(instruction - 0x84u);
      break;
    case 'a': {  // APPEND
      PickleValue* item = pop();
      append(peek(), Kind::kSequence, {item});
      break;
    }
    case 'e':     // APPENDS
    case 0x90: {  // ADDITEMS
      const auto items = pop_to_mark();
      append(peek(), Kind::kSequence, items);
      break;
    }
    case 'd': {  // DICT
      const auto items = pop_to_mark();
      push(make(Kind::kDict));
      append(peek(), Kind::kDict, items);
      break;
    }
    case 's': {  // SETITEM
      PickleValue* value = pop();
      PickleValue* key = pop();
      append(peek(), Kind::kDict, {key, value});
      break;
    }
    case 'u': {  // SETITEMS
      const auto items = pop_to_mark();
      append(peek(), Kind::kDict, items);
      break;
    }
    case 'c': {  // GLOBAL
      const std::string_view module = take_line();
      push_global(module, take_line());
      break;
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleValue* name = pop();
      push_global(text(pop()), text(name));
      break;
    }
    case 'R': {  // REDUCE
      const PickleValue* arguments = pop();
      call(pop(), arguments);
      break;
    }
    case 'b': {  // BUILD
      // A state dict carries notes about versions, which nothing here needs.
      pop();
      if (peek()->kind != Kind::kDict) throw std::runtime_error("its pickle changes what is no dictionary");
      break;
    }
    case 'Q':  // BINPERSID
      push_storage(pop());
      break;
    case 'q':  // BINPUT, LONG_BINPUT, MEMOIZE
      put(take<uint8_t>());
      break;
    case 'r':
      put(take<uint32_t>());
      break;
    case 0x94:
      put(memo_.size());
      break;
    case 'h':  // BINGET, LONG_BINGET
      get(take<uint8_t>());
      break;
    case 'j':
      get(take<uint32_t>());
      break;
    default: {
      static constexpr std::array<char, 17> kHex{"0123456789abcdef"};
      throw std::runtime_error(std::string("its pickle has the instruction 0x") + kHex[instruction >> 4] +
                               kHex[instruction & 15] + ", which builds no tensor");
    }
  }
  return false;
}

}  // namespace

Pickle run_pickle(std::span<const std::byte> bytes) { return Machine(bytes).run(); }

}  // namespace relievo
