# Compiles for another machine of Debian's: cmake -DCMAKE_TOOLCHAIN_FILE=cmake/cross.cmake -DINRO_TRIPLE=aarch64-linux-gnu
# with that architecture's libraries installed beside this one's (tools/check_arm), its programs run by qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(INRO_TRIPLE "" CACHE STRING "Debian's name of the machine, as aarch64-linux-gnu")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES INRO_TRIPLE)

set(processors aarch64-linux-gnu aarch64 arm-linux-gnueabihf arm)
list(FIND processors "${INRO_TRIPLE}" at)
if(at LESS 0)
	message(FATAL_ERROR "INRO_TRIPLE is aarch64-linux-gnu or arm-linux-gnueabihf, not '${INRO_TRIPLE}'")
endif()
math(EXPR at "${at} + 1")
list(GET processors ${at} CMAKE_SYSTEM_PROCESSOR)

set(CMAKE_C_COMPILER ${INRO_TRIPLE}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${INRO_TRIPLE})
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${CMAKE_SYSTEM_PROCESSOR})
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/${INRO_TRIPLE}/pkgconfig:/usr/share/pkgconfig)
