#pragma once
// Those of headers.h, for rooms marked BUSY.

#include "headers.h"
