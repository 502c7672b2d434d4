# sysnare_target_but_units(NAME): a target NAME of everything that this folder and those below it build
# by default, except unit tests and replays of fuzz inputs (global property SYSNARE_UNITS).
#
# `./run test` runs those with the sanitizers alone, so it need not build them twice.
function(sysnare_targets_below folder out)
  get_property(found DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
  get_property(folders DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
  foreach(each IN LISTS folders)
    sysnare_targets_below("${each}" below)
    list(APPEND found ${below})
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

function(sysnare_target_but_units name)
  sysnare_targets_below("${CMAKE_SOURCE_DIR}" all)
  get_property(units GLOBAL PROPERTY SYSNARE_UNITS)
  set(wanted "")
  foreach(target IN LISTS all)
    get_target_property(type ${target} TYPE)
    get_target_property(left_out ${target} EXCLUDE_FROM_ALL)
    if(type STREQUAL "INTERFACE_LIBRARY" OR left_out OR target IN_LIST units)
      continue()
    endif()
    list(APPEND wanted ${target})
  endforeach()
  add_custom_target(${name} DEPENDS ${wanted})
endfunction()
