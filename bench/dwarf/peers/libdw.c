/*
 * libdw WORK FILE...: reads the debug information of relocatable files the way elfutils' own programs do, with libdwfl,
 * which places each file and relocates its sections. Works:
 *   units   every unit's header, and the name of its root entry
 *   values  every entry and every attribute value; of each string the first byte is read
 *   rows    every row of every line program
 * Prints what it counted, and the seconds that took without the start of the process, as JSON.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	uint64_t units, names, dies, values, strings, rows, lines, firstBytes;
} count;

static void fail(const char *file, const char *what)
{
	const char *why = dwarf_errmsg(-1);
	if (why == NULL || strcmp(why, "no error") == 0)
		why = dwfl_errmsg(-1);
	fprintf(stderr, "%s: %s: %s\n", file, what, why);
	exit(1);
}

static const char *current;

static void touch(const char *string)
{
	count.strings++;
	count.firstBytes += (unsigned char)*string;
}

static int onValue(Dwarf_Attribute *attribute, void *data)
{
	(void)data;
	count.values++;
	int bad;
	switch (dwarf_whatform(attribute)) {
	case DW_FORM_string:
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strx:
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4: {
		const char *string = dwarf_formstring(attribute);
		bad = string == NULL;
		if (!bad)
			touch(string);
		break;
	}
	case DW_FORM_addr:
	case DW_FORM_addrx: {
		Dwarf_Addr address;
		bad = dwarf_formaddr(attribute, &address);
		break;
	}
	case DW_FORM_flag:
	case DW_FORM_flag_present: {
		bool flag;
		bad = dwarf_formflag(attribute, &flag);
		break;
	}
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
	case DW_FORM_ref_udata:
	case DW_FORM_ref_addr:
	case DW_FORM_ref_sig8: {
		Dwarf_Die die;
		bad = dwarf_formref_die(attribute, &die) == NULL;
		break;
	}
	case DW_FORM_block:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
	case DW_FORM_data16:
	case DW_FORM_exprloc: {
		Dwarf_Block block;
		bad = dwarf_formblock(attribute, &block);
		break;
	}
	case DW_FORM_sdata:
	case DW_FORM_implicit_const: {
		Dwarf_Sword value;
		bad = dwarf_formsdata(attribute, &value);
		break;
	}
	default: {
		Dwarf_Word value;
		bad = dwarf_formudata(attribute, &value);
	}
	}
	if (bad)
		fail(current, "value");
	return DWARF_CB_OK;
}

static void walk(Dwarf_Die *die)
{
	int more;
	do {
		count.dies++;
		if (dwarf_getattrs(die, onValue, NULL, 0) == -1)
			fail(current, "attributes");
		Dwarf_Die child;
		int children = dwarf_child(die, &child);
		if (children < 0)
			fail(current, "child");
		if (children == 0)
			walk(&child);
		more = dwarf_siblingof(die, die);
		if (more < 0)
			fail(current, "sibling");
	} while (more == 0);
}

static void readName(Dwarf_Die *root)
{
	Dwarf_Attribute attribute;
	const char *name = dwarf_formstring(dwarf_attr(root, DW_AT_name, &attribute));
	if (name == NULL)
		return;
	count.names++;
	count.firstBytes += (unsigned char)*name;
}

static void readRows(Dwarf_Die *root)
{
	Dwarf_Lines *lines;
	size_t number;
	if (!dwarf_hasattr(root, DW_AT_stmt_list))
		return;
	if (dwarf_getsrclines(root, &lines, &number) != 0)
		fail(current, "lines");
	for (size_t i = 0; i < number; i++) {
		Dwarf_Line *row = dwarf_onesrcline(lines, i);
		Dwarf_Addr address;
		int line, column;
		if (dwarf_lineaddr(row, &address) || dwarf_lineno(row, &line) || dwarf_linecol(row, &column))
			fail(current, "row");
		count.rows++;
		count.lines += (uint32_t)line;
	}
}

static int findNothing(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *file,
		       const char *link, GElf_Word crc, char **found)
{
	(void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)found;
	return -1;
}

static void readFile(const char *file, void (*work)(Dwarf_Die *root))
{
	static const Dwfl_Callbacks callbacks = {
		.find_debuginfo = findNothing,
		.section_address = dwfl_offline_section_address,
	};
	current = file;
	Dwfl *session = dwfl_begin(&callbacks);
	Dwfl_Module *module = dwfl_report_offline(session, "", file, -1);
	if (module == NULL)
		fail(file, "report");
	dwfl_report_end(session, NULL, NULL);
	Dwarf_Addr bias;
	Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
	if (dwarf != NULL) {
		Dwarf_CU *unit = NULL;
		Dwarf_Half version;
		uint8_t type;
		Dwarf_Die root;
		int more;
		while ((more = dwarf_get_units(dwarf, unit, &unit, &version, &type, &root, NULL)) == 0) {
			count.units++;
			work(&root);
		}
		if (more < 0)
			fail(file, "units");
	}
	dwfl_end(session);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	void (*work)(Dwarf_Die *) = strcmp(argv[1], "units") == 0    ? readName
				    : strcmp(argv[1], "values") == 0 ? walk
								     : readRows;
	double from = now();
	for (int i = 2; i < argc; i++)
		readFile(argv[i], work);
	double seconds = now() - from;
	printf("{\"seconds\": %f, \"units\": %" PRIu64 ", \"names\": %" PRIu64 ", \"dies\": %" PRIu64 ", \"values\": %" PRIu64
	       ", \"strings\": %" PRIu64 ", \"rows\": %" PRIu64 ", \"lines\": %" PRIu64 ", \"firstBytes\": %" PRIu64 "}\n",
	       seconds, count.units, count.names, count.dies, count.values, count.strings, count.rows, count.lines,
	       count.firstBytes);
	return 0;
}
