# inro_embed(target symbol file ...): text files compiled into a target, as
#   extern const char *const SYMBOL[];  extern const size_t SYMBOL_n;
# in the order given.  A changed file is built in anew.
function(inro_embed target symbol)
	set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
	set(text "#include <stddef.h>\n\nextern const char *const ${symbol}[];\nextern const size_t ${symbol}_n;\n")
	string(APPEND text "\nconst char *const ${symbol}[] = {\n")
	foreach(name IN LISTS ARGN)
		set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${name})
		file(READ ${name} body HEX)
		string(REGEX REPLACE "(..)" "\\\\x\\1" body "${body}")
		# a line break in the literal now and then, for the compiler's sake
		string(REGEX REPLACE "(\\\\x0a)" "\\1\"\n\t\"" body "${body}")
		string(APPEND text "\t\"${body}\",\n")
	endforeach()
	list(LENGTH ARGN n)
	string(APPEND text "};\nconst size_t ${symbol}_n = ${n};\n")
	file(CONFIGURE OUTPUT ${out} CONTENT "@text@" @ONLY)
	target_sources(${target} PRIVATE ${out})
endfunction()
