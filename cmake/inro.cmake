# How everything of ours is compiled; nothing here is global, each target asks for it.

option(INRO_HARDEN "Stack protector, FORTIFY, RELRO, immediate binding, PIE" OFF)
set(INRO_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=")
option(INRO_COVERAGE "Count executed lines" OFF)
option(INRO_FUZZ "Build the fuzzers (clang)" OFF)

# Jumps only to where something begins, as far as the processor knows how.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|i.86")
	set(INRO_BRANCHES -fcf-protection)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
	set(INRO_BRANCHES -mbranch-protection=standard)
else()
	set(INRO_BRANCHES "")
endif()

# Times behind 2038 and files above 2 GB, also where a long has 32 bits.  The libraries there may have been compiled for
# shorter times: what hands them a time_t or struct timeval is in files of inro_library_time().
set(INRO_WIDE "")
set(INRO_LIBRARY_TIME "")
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
	set(INRO_WIDE _TIME_BITS=64 _FILE_OFFSET_BITS=64)
	include(CheckCSourceCompiles)
	check_c_source_compiles("#include <time.h>
		_Static_assert(sizeof(time_t) == 8, \"\"); int main(void) { return 0; }" INRO_TIMES_ARE_WIDE)
	if(NOT INRO_TIMES_ARE_WIDE)
		set(INRO_LIBRARY_TIME -U_TIME_BITS)
	endif()
endif()

# inro_library_time(a.c ...): of this folder's targets; compiled for times as the libraries have them
function(inro_library_time)
	set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "${INRO_LIBRARY_TIME}")
endfunction()

set(INRO_WARNINGS
	-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wwrite-strings
	-Wmissing-prototypes -Wstrict-prototypes -Wvla -Wformat=2 -Wundef -Werror)

# A thread that is cancelled runs no AUTO(), whatever flags a distribution brings: where one can be it gives back by hand.
function(inro_compile target)
	target_compile_options(${target} PRIVATE ${INRO_WARNINGS} -fvisibility=hidden -fno-exceptions)
	target_compile_definitions(${target} PRIVATE _GNU_SOURCE ${INRO_WIDE} INRO_VERSION="${PROJECT_VERSION}")
	target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
	if(INRO_HARDEN)
		target_compile_options(${target} PRIVATE -fstack-protector-strong -fstack-clash-protection
			${INRO_BRANCHES} -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
		target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now,-z,noexecstack)
	endif()
	if(INRO_SANITIZE)
		target_compile_options(${target} PRIVATE -fsanitize=${INRO_SANITIZE}
			-fno-omit-frame-pointer -fno-sanitize-recover=all)
		target_link_options(${target} PRIVATE -fsanitize=${INRO_SANITIZE})
	endif()
	if(INRO_COVERAGE)
		target_compile_options(${target} PRIVATE --coverage)
		target_link_options(${target} PRIVATE --coverage)
	endif()
	if(INRO_FUZZ)
		target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
	endif()
endfunction()

# inro_library(name SOURCES a.c ... LINKS other ...)
function(inro_library name)
	cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
	add_library(${name} STATIC ${A_SOURCES})
	inro_compile(${name})
	target_link_libraries(${name} PUBLIC ${A_LINKS})
endfunction()

# inro_module(name OUTPUT file SOURCES a.c ... LINKS lib ... EXPORTS version-script)
function(inro_module name)
	cmake_parse_arguments(A "" "OUTPUT;EXPORTS" "SOURCES;LINKS" ${ARGN})
	add_library(${name} MODULE ${A_SOURCES})
	inro_compile(${name})
	target_link_libraries(${name} PRIVATE ${A_LINKS})
	set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME ${A_OUTPUT}
		LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${A_EXPORTS})
	target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL
		-Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/${A_EXPORTS})
	if(NOT INRO_SANITIZE)
		target_link_options(${name} PRIVATE -Wl,-z,defs)
	endif()
endfunction()

# inro_pack(target): a program that devices have on disk. Its tables of texts are relocated by a few kilobytes instead of
# an eighth of the program (binutils 2.38 on x86; glibc 2.36 at run time).
if(NOT CMAKE_CROSSCOMPILING) # the C library of this machine must know of it, too
	include(CheckCSourceRuns)
	set(CMAKE_REQUIRED_FLAGS -fPIE)
	set(CMAKE_REQUIRED_LINK_OPTIONS -pie -Wl,--fatal-warnings,-z,pack-relative-relocs)
	check_c_source_runs("static int a; int *volatile p = &a; int main(void) { return *p; }" INRO_HAS_PACKED)
	unset(CMAKE_REQUIRED_FLAGS)
	unset(CMAKE_REQUIRED_LINK_OPTIONS)
endif()
function(inro_pack target)
	if(INRO_HAS_PACKED AND INRO_HARDEN)
		target_link_options(${target} PRIVATE -Wl,-z,pack-relative-relocs)
	endif()
endfunction()

# inro_without_unwinding(): nothing of this folder and those in it is unwound as it runs. Its tables of frames would be a
# tenth of the program that devices have on disk; debuggers have their own.
function(inro_without_unwinding)
	if(INRO_HARDEN AND NOT INRO_SANITIZE AND NOT INRO_COVERAGE AND NOT INRO_FUZZ)
		add_compile_options(-fno-asynchronous-unwind-tables -fno-unwind-tables)
	endif()
endfunction()

# inro_program(name SOURCES a.c ... LINKS lib ...)
function(inro_program name)
	cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
	add_executable(${name} ${A_SOURCES})
	inro_compile(${name})
	target_link_libraries(${name} PRIVATE ${A_LINKS})
	if(INRO_HARDEN)
		target_compile_options(${name} PRIVATE -fPIE)
		target_link_options(${name} PRIVATE -pie)
	endif()
endfunction()
