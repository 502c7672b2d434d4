#pragma once
// Which values did the arguments take that say what kind of call it is? `trace --args`.

#include <string>

#include "evidence/evidence.h"

namespace sysnare::cli {

/// A block under the table: call, argument and its values in hexadecimal, or "many". Origins and
/// ABIs as in the evidence, one after the other.
std::string argument_table(const Evidence& evidence);

}  // namespace sysnare::cli
