# Build rules shared by all floors: compiler settings, and the two functions that declare a floor.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON) # unsigned __int128
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(CAIRN_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(CAIRN_UNITY "Compile up to eight sources of a target as one" ON)
set(CAIRN_SANITIZE "" CACHE STRING "Sanitizers for every target, for example address,undefined")

find_program(CCACHE ccache)
if(CCACHE)
    # The slackness is what ccache asks for precompiled headers.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
                    -fno-omit-frame-pointer -fstack-protector-strong
                    -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
add_link_options(-Wl,-z,relro,-z,now)
# unsigned __int128 is used on purpose in 256-bit arithmetic; fields left out of a designated initializer have defaults.
add_compile_options(-Wno-pedantic -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports these about its own vector and string code when it inlines at -O2 (GCC bugs 105329, 105651).
    add_compile_options(-Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-restrict)
    if(CAIRN_UNITY)
        # To GCC a source that another includes is a header, where a class with parts of no linkage would be a mistake.
        add_compile_options(-Wno-subobject-linkage)
    endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # libstdc++ 12 offers std::expected only to compilers that announce C++20 concepts in full.
    add_compile_options(-Wno-missing-braces)
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp") # ccache asks for it
endif()
if(CAIRN_SANITIZE)
    add_compile_options(-fsanitize=${CAIRN_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${CAIRN_SANITIZE})
endif()

# A test's own code is not hot: compiled with less optimisation it takes between half and two thirds of the time.
# Not with the thread sanitizer: RocksDB would use the program's slow std::string.
set(CAIRN_TEST_OPTIMISATION -O1)
if(CAIRN_SANITIZE AND NOT CAIRN_SANITIZE MATCHES thread)
    set(CAIRN_TEST_OPTIMISATION -O0)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(GTest REQUIRED)
find_package(nlohmann_json REQUIRED)
enable_testing()
include(GoogleTest)

# What a sanitizer run needs, and no more: `cmake --build ... --target all_tests all_fuzzers`.
add_custom_target(all_tests)
add_custom_target(all_fuzzers)

# cairn_precompile(TARGET OPTIONS [header...])
# Clang parses what most files read once for all targets compiled with the same OPTIONS (a name): a third less to compile. GCC would gain
# little.
function(cairn_precompile target options)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        return()
    endif()
    get_property(owner GLOBAL PROPERTY CAIRN_PRECOMPILED_${options})
    if(owner)
        target_precompile_headers(${target} REUSE_FROM ${owner})
    else()
        target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.hpp ${ARGN})
        set_property(GLOBAL PROPERTY CAIRN_PRECOMPILED_${options} ${target})
    endif()
endfunction()

# cairn_floor(NAME LINKS floor... LIBRARIES external...)
# Every *.cpp of the folder becomes the library cairn_NAME; *_test.cpp and test_*.cpp become one GoogleTest program;
# each *_fuzz.cpp becomes one libFuzzer program. A folder without sources is an interface library.
# COLD: little of it is hot; with sanitizers it is not optimised, which takes two thirds of the time to compile.
# LONG: its tests take longer than most, and so begin first.
# APART: sources whose own names others of the folder have too. All others are compiled up to eight at a time, for most of the time goes
# into the headers (APART_ALL: none is). The preset debug compiles each by itself, and so finds a missing #include.
function(cairn_floor name)
    cmake_parse_arguments(arg "COLD;LONG;APART_ALL" "" "LINKS;LIBRARIES;TEST_LIBRARIES;TEST_LINKS;APART" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS *.cpp)
    set(tests ${sources})
    set(fuzzers ${sources})
    list(FILTER tests INCLUDE REGEX "(_test\\.cpp|/test_[^/]*\\.cpp)$")
    list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
    list(FILTER sources EXCLUDE REGEX "((_test|_fuzz|/main)\\.cpp|/test_[^/]*\\.cpp)$")

    set(CMAKE_UNITY_BUILD ${CAIRN_UNITY})
    if(arg_APART_ALL)
        set(CMAKE_UNITY_BUILD OFF)
    endif()
    set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
    set_source_files_properties(${arg_APART} ${fuzzers} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

    list(TRANSFORM arg_LINKS PREPEND cairn_ OUTPUT_VARIABLE links)
    list(TRANSFORM arg_TEST_LINKS PREPEND cairn_ OUTPUT_VARIABLE test_links)
    set_property(GLOBAL APPEND PROPERTY CAIRN_FLOORS ${name})
    if(sources)
        add_library(cairn_${name} STATIC ${sources})
        target_include_directories(cairn_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
        target_link_libraries(cairn_${name} PUBLIC ${links} Threads::Threads PRIVATE ${arg_LIBRARIES})
        if(arg_COLD AND CAIRN_SANITIZE)
            target_compile_options(cairn_${name} PRIVATE -O0)
            cairn_precompile(cairn_${name} cold)
        else()
            cairn_precompile(cairn_${name} hot)
        endif()
    else()
        add_library(cairn_${name} INTERFACE)
        target_include_directories(cairn_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
        target_link_libraries(cairn_${name} INTERFACE ${links})
    endif()

    if(CAIRN_FUZZ)
        foreach(source ${fuzzers})
            get_filename_component(program ${source} NAME_WE)
            add_executable(${program} ${source})
            target_compile_options(${program} PRIVATE -fsanitize=fuzzer)
            target_link_options(${program} PRIVATE -fsanitize=fuzzer)
            target_link_libraries(${program} PRIVATE cairn_${name} ${arg_LIBRARIES})
            cairn_precompile(${program} fuzz)
            add_dependencies(all_fuzzers ${program})
        endforeach()
    endif()
    if(tests)
        add_executable(${name}_test ${tests})
        target_link_libraries(${name}_test PRIVATE cairn_${name} ${test_links} ${arg_LIBRARIES}
                              ${arg_TEST_LIBRARIES} GTest::gtest GTest::gmock GTest::gtest_main)
        target_compile_definitions(${name}_test PRIVATE CAIRN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
        target_compile_options(${name}_test PRIVATE ${CAIRN_TEST_OPTIMISATION})
        cairn_precompile(${name}_test test <gtest/gtest.h>)
        add_dependencies(all_tests ${name}_test)
        add_test(NAME ${name} COMMAND ${name}_test)
        if(arg_LONG)
            set_tests_properties(${name} PROPERTIES COST 1)
        endif()
    endif()
endfunction()
