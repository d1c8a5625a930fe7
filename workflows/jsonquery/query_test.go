package jsonquery_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/workflows/jsonquery"
	"github.com/heddlehq/heddle/workflows/value"
)

const document = `{
  "site": {"name": "Oslo", "code": "OSL", "tier": 2, "spare": null, "empty": "", "zero": 0, "off": false,
           "a.b": 1, "x:y": 2, "x=y": 3, "R&D": 4, "a,b": 5, "with space": 6, "(old)": 7, "@role": "core",
           "say \"hi\"": 8, "q?": 9, "back\\slash": 10, "it's": 11, "_attr": {"status": "success"}},
  "devices": [
    {"id": 7, "name": "sw1", "os": "ios", "up": true, "cpu": 12.5, "tags": ["edge", "lab"], "ports": [{"n": 1}, {"n": 2}], "loc": {"city": "Rome"}, "note": null},
    {"id": 8, "name": "sw2", "os": "eos", "up": false, "cpu": 80, "tags": ["core"], "ports": [{"n": 3}], "loc": {"city": "Oslo"}, "note": "Replace by 10/2"},
    {"id": "9", "name": "rtr1", "os": "ios", "up": true, "cpu": 9, "tags": [], "loc.city": "Bern", "note": "O'Hare [east]"},
    {"id": 10, "name": "RTR2", "os": "junos", "cpu": 100, "note": ""}
  ],
  "racks": {"r1": [{"u": 1, "dev": "sw1"}, {"u": 2, "dev": "sw2"}], "r2": [{"u": 3, "dev": "rtr1"}], "r3": {"u": 4, "dev": "RTR2"}, "r4": "empty"},
  "want": {"os": "eos", "id": 9, "key": "code", "none": null},
  "words": ["alpha", "beta", "gamma", "3"],
  "nums": [3, 10, 1, null, "10"],
  "matrix": [[1, 2], [3, 4]],
  "big": [{"id": 9007199254740993}, {"id": 9007199254740992}],
  "path": [{"p": "C:\\temp"}, {"p": "/usr/bin"}, {"p": "a\\.b"}, {"p": "a|b"}],
  "dates": [{"d": "2024-02-01"}, {"d": "2024-10-01"}],
  "entry": [{"@name": "rule1", "to": {"member": ["any"]}}, {"@name": "rule2"}],
  "response": {"count": 2, "result": [{"_ref": "network/1"}], "results": [],
    "item": [{"set": {"item": [{"ip": "10.0.0.1"}]}}], "artifacts": [{"type": "workflow", "name": "w"}, {"type": "automation", "name": "a"}]},
  "completed": [{"response": [{"status": "ok"}, {"status": "failed"}]}],
  "reports": [{"score": 100, "n": 1}, {"score": 99.5, "n": 2}, {"score": "100.00", "n": 3}],
  "$var": {"727": {"output": "lit"}}
}`

// A want of "" means no match.
var runs = []struct{ query, want string }{
	// Paths.
	{`site.name`, `"Oslo"`},
	{` site . name `, `"Oslo"`},
	{"site\n  .name", `"Oslo"`},
	{`.site.name`, `"Oslo"`},
	{`site..name`, `"Oslo"`},
	{`site.name.`, `"Oslo"`},
	{`site.missing`, ``},
	{`site.missing.deeper`, ``},
	{`missing`, ``},
	{`site.spare`, `null`},
	{`site.spare.deeper`, ``},
	{`site.empty`, `""`},
	{`site.zero`, `0`},
	{`site.off`, `false`},
	{`site.off.deeper`, ``},
	{`site.with space`, `6`},
	{`site.@role`, `"core"`},
	{`site._attr.status`, `"success"`},
	{`site.it's`, `11`},
	{`site.q?`, `9`},
	{`$var.727.output`, `"lit"`},
	{`site.name.length`, `4`},
	{`site.name.0`, `"O"`},
	{`site.name[9]`, ``},
	{`site.tier.length`, ``},
	{`site.toString`, ``},

	// Keys with special characters.
	{`site[a.b]`, `1`},
	{`site["a.b"]`, `1`},
	{`site['a.b']`, `1`},
	{`site."a.b"`, `1`},
	{`site.a\.b`, `1`},
	{`site.a.b`, ``},
	{`site["x=y"]`, `3`},
	{`site[x\=y]`, `3`},
	{`site["R&D"]`, `4`},
	{`site[R\&D]`, `4`},
	{`site."x:y"`, `2`},
	{`site["(old)"]`, `7`},
	{`site[(old)]`, `7`},
	{`site.\(old\)`, `7`},
	{`site[ with space ]`, `6`},
	{`site['say "hi"']`, `8`},
	{`site[say "hi"]`, `8`},
	{`site.back\slash`, `10`},
	{`"site"["name"]`, `"Oslo"`},
	{`site[it's]`, `11`},
	{`site[@role]`, `"core"`},

	// The helper.
	{`site:get(x:y)`, `2`},
	{`site:get(a.b)`, `1`},
	{`site:get("a,b")`, `5`},
	{`site:get(a\,b)`, `5`},
	{`site:get( name )`, `"Oslo"`},
	{`site:get((old))`, `7`},
	{`site:get({want.key})`, `"OSL"`},
	{`site:get(,)`, ``},
	{`site:get(nope)`, ``},
	{`site:get({want.nope})`, ``},
	{`:get(want):get(os)`, `"eos"`},
	{`:get(site).name`, `"Oslo"`},
	{`devices:get(1).name`, `"sw2"`},
	{`devices:get(length)`, `4`},
	{`devices:get(name)`, ``},

	// Elements.
	{`devices[0].name`, `"sw1"`},
	{`devices.1.name`, `"sw2"`},
	{`devices[ 3 ].name`, `"RTR2"`},
	{`devices[4]`, ``},
	{`devices[4].name`, ``},
	{`devices[-1]`, ``},
	{`devices[01]`, ``},
	{`matrix[1][0]`, `3`},
	{`matrix[1]0`, `3`},
	{`site[0]`, ``},
	{`nums[3]`, `null`},

	// Plucking.
	{`devices.name`, `["sw1","sw2","rtr1","RTR2"]`},
	{`devices[name]`, `["sw1","sw2","rtr1","RTR2"]`},
	{`devices[*name]`, `["sw1","sw2","rtr1","RTR2"]`},
	{`devices.tags`, `["edge","lab","core"]`},
	{`devices.ports.n`, `[1,2,3]`},
	{`devices.note`, `[null,"Replace by 10/2","O'Hare [east]",""]`},
	{`devices.nope`, `[]`},
	{`devices.tags[1]`, `"lab"`},
	{`words.length`, `[5,4,5,1]`},
	{`missing.name`, ``},
	{`missing[*name]`, `[]`},
	{`devices[{want.nope}]`, ``},
	{`site[*name]`, `"Oslo"`},
	{`site[{want.key}]`, `"OSL"`},
	{`site[ {want.key} ]`, `"OSL"`},

	// All values.
	{`words[*]`, `["alpha","beta","gamma","3"]`},
	{`words[ * ]`, `["alpha","beta","gamma","3"]`},
	{`want[*]`, `["eos",9,"code",null]`},
	{`missing[*]`, `[]`},
	{`missing[*].name`, `[]`},
	{`site.tier[*]`, `[]`},
	{`site.code[*]`, `["O","S","L"]`},
	{`devices[*].id`, `[7,8,"9",10]`},
	{`matrix[*]`, `[[1,2],[3,4]]`},
	{`matrix[**]`, `[1,2,3,4]`},
	{`racks[**].dev`, `["sw1","sw2","rtr1","RTR2"]`},
	{`racks[**][*u>1].dev`, `["sw2","rtr1","RTR2"]`},
	{`racks[**][u=3]`, `{"u":3,"dev":"rtr1"}`},
	{`racks[*].dev`, `["RTR2"]`},
	{`missing[**]`, `[]`},

	// First hit.
	{`devices[os=ios].name`, `"sw1"`},
	{`devices[ os = eos ].name`, `"sw2"`},
	{`devices[os=nxos]`, ``},
	{`devices[os=nxos].name`, ``},
	{`devices[id=9].name`, `"rtr1"`},
	{`devices[id=7].name`, `"sw1"`},
	{`devices[id=7.0].name`, `"sw1"`},
	{`devices[id=0x7].name`, `"sw1"`},
	{`devices[os!=ios].name`, `"sw2"`},
	{`devices[up=false].name`, `"sw2"`},
	{`devices[note=].name`, `"RTR2"`},
	{`devices[note="O'Hare [east]"].name`, `"rtr1"`},
	{`devices[note=O'Hare [east]].name`, `"rtr1"`},
	{`devices[name="sw2"].id`, `8`},
	{`devices[loc.city=Oslo].name`, `"sw2"`},
	{`devices[loc.city=Bern].name`, `"rtr1"`},
	{`devices["loc.city"=Rome].name`, ``},
	{`site[name=Oslo]`, ``},
	{`missing[name=Oslo]`, ``},
	{`words[=beta]`, `"beta"`},
	{`path[p="a|b"].p`, `"a|b"`},
	{`path[p=a\|b].p`, `"a|b"`},
	{`path[p=C:\temp].p`, `"C:\\temp"`},
	{`path[p=a\.b].p`, `"a\\.b"`},

	// All hits.
	{`devices[*os=ios].name`, `["sw1","rtr1"]`},
	{`devices[* os = ios ].name`, `["sw1","rtr1"]`},
	{`devices[*os!=ios].name`, `["sw2","RTR2"]`},
	{`devices[*up=true].name`, `["sw1","rtr1"]`},
	{`devices[*up!=true].name`, `["sw2","RTR2"]`},
	{`devices[*up=1].name`, `["sw1","rtr1"]`},
	{`devices[*note=null].name`, `[]`},
	{`devices[*note={want.none}].name`, `["sw1"]`},
	{`devices[*up={missing}].name`, `["RTR2"]`},
	{`devices[*os=nxos]`, `[]`},
	{`devices[*os=nxos].name`, `[]`},
	{`devices[*os=nxos][0]`, ``},
	{`devices[*os=ios][1].name`, `"rtr1"`},
	{`devices[*os=ios][up=true].name`, `"sw1"`},
	{`missing[*os=ios]`, `[]`},
	{`site[*os=ios]`, `[]`},
	{`devices[*tags=core].name`, `["sw2"]`},
	{`devices[*tags=edge,lab].name`, `["sw1"]`},
	{`devices[*loc=[object Object]].name`, `["sw1","sw2"]`},
	{`devices[*tags={devices[0].tags}].name`, `["sw1"]`},
	{`response.artifacts.[*type=workflow].name`, `["w"]`},
	{`reports[*score=100.00].n`, `[1,3]`},
	{`big[*id=9007199254740993]`, `[{"id":9007199254740993}]`},

	// Order.
	{`devices[*cpu>12.5].name`, `["sw2","RTR2"]`},
	{`devices[*cpu>=12.5].name`, `["sw1","sw2","RTR2"]`},
	{`devices[*cpu<12.5].name`, `["rtr1"]`},
	{`devices[*cpu<=12.5].name`, `["sw1","rtr1"]`},
	{`devices[*cpu!<12.5].name`, `["sw1","sw2","RTR2"]`},
	{`devices[*cpu>abc].name`, `[]`},
	{`devices[*nope>0].name`, `[]`},
	{`devices[*nope!>0].name`, `["sw1","sw2","rtr1","RTR2"]`},
	{`devices[*id>8].name`, `["rtr1","RTR2"]`},
	{`dates[*d>2024-03].d`, `["2024-10-01"]`},
	{`nums[*>2]`, `[3,10]`},
	{`nums[*<=1]`, `[1,null]`},
	{`devices[*up>=1].name`, `["sw1","rtr1"]`},
	{`devices[*id>={want.id}].name`, `["rtr1","RTR2"]`},

	// Text and regular expressions.
	{`devices[*name~sw].name`, `["sw1","sw2"]`},
	{`devices[*name!~sw].name`, `["rtr1","RTR2"]`},
	{`devices[*tags~core].name`, `["sw2"]`},
	{`devices[*tags~cor].name`, `[]`},
	{`devices[*name~{want.os}].name`, `[]`},
	{`devices[*os~{want.os}].name`, `["sw2"]`},
	{`devices[*name~{missing}].name`, `[]`},
	{`devices[*loc~city].name`, `[]`},
	{`devices[*id~1].name`, `["RTR2"]`},
	{`devices[*name~/^rtr\d$/].name`, `["rtr1"]`},
	{`devices[*name~/^rtr\d$/i].name`, `["rtr1","RTR2"]`},
	{`devices[*name!~/^rtr/i].name`, `["sw1","sw2"]`},
	{`devices[*name ~ /^(sw1|rtr1)$/ ].name`, `["sw1","rtr1"]`},
	{`devices[*name~/sw1|rtr1/].name`, `["sw1","rtr1"]`},
	{`devices[*name~/[1]/ & os~/i?os/].name`, `["sw1","rtr1"]`},
	{`devices[*note~/10\/2/].name`, `["sw2"]`},
	{`devices[*note~/\[e/].name`, `["rtr1"]`},
	{`devices[*note~/[[/]/].name`, `["sw2","rtr1"]`},
	{`devices[*name~/\u0073w/].name`, `["sw1","sw2"]`},
	{`devices[*name~/[^]1/].name`, `["sw1","rtr1"]`},
	{`devices[*name~/w1/y].name`, `[]`},
	{`devices[*note~/^$/].name`, `[]`},
	{`devices[*loc~/object/].name`, `[]`},
	{`devices[*cpu~/^1/].name`, `["sw1","RTR2"]`},
	{`path[*p~/usr/bin].p`, `["/usr/bin"]`},
	{`path[*p~/usr/b/].p`, `["/usr/bin"]`},
	{`path[*p~"/usr/"].p`, `["/usr/bin"]`},
	{`words[*~a]`, `["alpha","beta","gamma"]`},

	// Conditions joined.
	{`devices[*os=ios & cpu<10].name`, `["rtr1"]`},
	{`devices[*os=eos|os=junos].name`, `["sw2","RTR2"]`},
	{`devices[*os=eos | os=ios & cpu<10].name`, `["rtr1"]`},
	{`devices[*os=ios & cpu<10 | os=eos].name`, `["sw2","rtr1"]`},
	{`devices[os=ios&name!=sw1].name`, `"rtr1"`},
	{`devices[*name="sw1" | name="sw2"].id`, `[7,8]`},
	{`devices[*:get(loc)].name`, `["sw1","sw2"]`},
	{`devices[*!:get(loc)].name`, `["rtr1","RTR2"]`},
	{`devices[*loc:get(city)].name`, `["sw1","sw2"]`},
	{`devices[*ports:get(0).n & os=ios].name`, `["sw1"]`},
	{`devices[*ports:get(0)[n=1] | ports:get(length)].name`, `["sw1","sw2"]`},

	// Subqueries.
	{`devices[os={want.os}].name`, `"sw2"`},
	{`devices[os={.want.os}].name`, `"sw2"`},
	{`devices[os={want.none|want.os}].name`, `"sw2"`},
	{`devices[{want.key}=OSL]`, ``},
	{`devices[*id={devices[name={racks.r2[0].dev}].id}].name`, `["rtr1"]`},
	{`devices[name={racks.r1[]["dev"]}].id`, `7`},
	{`words[{words[3]}]`, `"3"`},
	{`({missing|want}).os`, `"eos"`},
	{`( {want} )[os]`, `"eos"`},
	{`words[={a}b]`, ``},

	// The first truthy result over the children.
	{`entry[].@name`, `"rule1"`},
	{`entry[]`, `[{"@name":"rule1","to":{"member":["any"]}},{"@name":"rule2"}]`},
	{`entry[][to]`, `{"member":["any"]}`},
	{`devices[].loc[].city`, ``},
	{`racks[][u=3].dev`, `"rtr1"`},
	{`racks[][u=9].dev`, ``},
	{`racks[][*u=9]`, `[]`},
	{`racks[]:get(dev)`, `"RTR2"`},
	{`site.zero[].x`, ``},
	{`site.zero[]`, ``},
	{`missing[].x`, ``},
	{`missing[][*x=1]`, `[]`},

	// Alternatives.
	{`missing|site.name`, `"Oslo"`},
	{`missing | .site.name`, `"Oslo"`},
	{`site.code|site.name`, `"OSL"`},
	{`site.zero|site.off|site.empty|site.spare|site.tier`, `2`},
	{`missing|site.zero`, `0`},
	{`missing|site.spare`, `null`},
	{`site.name|missing`, `"Oslo"`},
	{`missing|nope`, ``},
	{`missing[*a=1]|words[0]`, `"alpha"`},
	{`devices[*a=1]|words[0]`, `[]`},
	{`missing|({want}).os`, `"eos"`},
	{`entry[].nope|:get(want).id`, `9`},

	// As workflows write them.
	{`response.count`, `2`},
	{`response.result[0]._ref`, `"network/1"`},
	{`response.results[0].id`, ``},
	{`response.item[0].set.item[0].ip`, `"10.0.0.1"`},
	{`completed[0].response[*].status`, `["ok","failed"]`},
	{`completed[0].response[0].status`, `"ok"`},
	{`reports[*score!=100.00]`, `[{"score":99.5,"n":2}]`},
}

func TestRun(t *testing.T) {
	t.Parallel()
	root := value.MustParse(document)
	for _, tc := range runs {
		t.Run(tc.query, func(t *testing.T) {
			t.Parallel()
			q, err := jsonquery.Parse(tc.query)
			if err != nil {
				t.Fatal(err)
			}
			got, found := q.Run(root)
			if found != (tc.want != "") || found && got.String() != tc.want || !found && !got.IsNull() {
				t.Errorf("got %v, found %t, want %s", got, found, tc.want)
			}
			if q.String() != tc.query {
				t.Errorf("String() = %q", q.String())
			}
		})
	}
}

func TestRun_root(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ query, root, want string }{
		{``, `{"a":1}`, `{"a":1}`},
		{` `, `{"a":1}`, `{"a":1}`},
		{``, `null`, `null`},
		{``, `0`, `0`},
		{`a`, `null`, ``},
		{`a`, `"text"`, ``},
		{`[0]`, `[1]`, `1`},
		{`[*a=1]`, `[{"a":1}]`, `[{"a":1}]`},
		{`a`, `[{"a":1},null,2,"x",{"a":[2,[3]]}]`, `[1,2,[3]]`},
		{`[*a!=1]`, `[null,{"a":1},2]`, `[null,2]`},
		{`[]`, `5`, `5`},
		{`[].a`, `[null,{"a":0},{"a":""},{"a":6}]`, `6`},
		{`length`, `"a😀é"`, `4`},
		{`[3]`, `"a😀é"`, `"é"`},
		{`[1]`, `"a😀é"`, `"` + "\uFFFD" + `"`},
		{`[*]`, `"a😀"`, `["a","` + "\uFFFD" + `","` + "\uFFFD" + `"]`},
		{`[k=1]`, `[{"k":[1]}]`, `{"k":[1]}`},
		{`[k= Infinity]`, `[{"k":5},{"k":"Infinity"}]`, `{"k":"Infinity"}`},
		{`[*k<-Infinity|k<Infinity]`, `[{"k":5}]`, `[{"k":5}]`},
		{`[*k<0xfg|k<1e|k=0x]`, `[{"k":5}]`, `[]`},
	} {
		got, found, err := jsonquery.Select(value.MustParse(tc.root), tc.query)
		if err != nil || found != (tc.want != "") || found && got.String() != tc.want {
			t.Errorf("%q on %s: got %v, found %t, err %v, want %s", tc.query, tc.root, got, found, err, tc.want)
		}
	}
	if v, found, err := jsonquery.Select(value.Absent, ""); !v.IsNull() || found || err != nil {
		t.Errorf("the empty query on Absent: got %v, %t, %v", v, found, err)
	}
}

func TestParse_errors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		query  string
		offset int
		reason string
	}{
		{`a[`, 1, `unclosed "["`},
		{`a[b=c`, 1, `unclosed "["`},
		{`a[b=c&`, 1, `unclosed "["`},
		{`a[*`, 1, `unclosed "["`},
		{`a[b[c]`, 1, `unclosed "["`},
		{`a[b=(c]`, 6, `does not close`},
		{`a[b=c)]`, 5, `closes nothing`},
		{`a]`, 1, `closes nothing`},
		{`a.b)`, 3, `closes nothing`},
		{`a}`, 1, `closes nothing`},
		{`a[**b=c]`, 1, `[**] stands alone`},
		{`a[b&c]`, 2, `needs an operator`},
		{`a[b=1&c]`, 6, `needs an operator`},
		{`a[dept=R&D]`, 9, `needs an operator`},
		{`a[b=?]`, 4, `no parameters`},
		{`a[?]`, 2, `no parameters`},
		{`a:get(?)`, 6, `no parameters`},
		{`..a`, 0, `no parent`},
		{`a|..b`, 2, `no parent`},
		{`a[b={..c}]`, 5, `no parent`},
		{`a:upper`, 1, `unknown helper "upper"`},
		{`a:`, 1, `unknown helper ""`},
		{`a[x:y]`, 3, `unknown helper "y"`},
		{`a:get`, 1, `in parentheses`},
		{`a:get()`, 5, `takes a key`},
		{`a:get(b`, 5, `unclosed "("`},
		{`a:get(b,c)`, 7, `takes one key`},
		{`a(b)`, 1, `only a helper`},
		{`(a).b`, 0, `query in braces`},
		{`({a}.b`, 0, `unclosed "("`},
		{`a.{b}`, 2, `stands inside [ ]`},
		{`a[{b]`, 4, `closes nothing`},
		{`a[{b`, 2, `unclosed "{"`},
		{`a[b~/(/]`, 4, `missing closing )`},
		{`a[b~/(?=c)/]`, 4, `no look-around`},
		{`a[b~/c/z]`, 4, `unknown flag "z"`},
		{strings.Repeat(`[{a`, 40), 96, `nested more than`},
		{strings.Repeat(`a`, 20000), 16384, `longer than`},
	} {
		_, err := jsonquery.Parse(tc.query)
		syntax, ok := errors.AsType[*jsonquery.SyntaxError](err)
		if !ok {
			t.Errorf("%.40q: got %v, want a syntax error", tc.query, err)
			continue
		}
		if syntax.Offset != tc.offset || !strings.Contains(syntax.Reason, tc.reason) || syntax.Query != tc.query {
			t.Errorf("%.40q: got %d %q, want %d %q", tc.query, syntax.Offset, syntax.Reason, tc.offset, tc.reason)
		}
		if _, found, err := jsonquery.Select(value.Null, tc.query); err == nil || found {
			t.Errorf("%.40q: Select gives no error", tc.query)
		}
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	const root = `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","z"]}],"m":{"p":[1],"q":2},"s":"text"}`
	for _, tc := range []struct{ query, want string }{
		{``, `"new"`},
		{`a.b`, `{"a":{"b":"new","c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","z"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`a[c.d]`, `{"a":{"b":1,"c.d":"new","e":null},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","z"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`a:get(e)`, `{"a":{"b":1,"c.d":2,"e":"new"},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","z"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`x|a`, `{"a":"new","l":[{"k":1,"t":["x"]},{"k":2,"t":["y","z"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`l[1]`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},"new"],"m":{"p":[1],"q":2},"s":"text"}`},
		{`l[k=2].k`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":"new","t":["y","z"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`l[k={a.b}].t[0]`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["new"]},{"k":2,"t":["y","z"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`l[*k>1].k`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":"new","t":["y","z"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`l.t[2]`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","new"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`l[].t[1]`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","new"]}],"m":{"p":[1],"q":2},"s":"text"}`},
		{`m[**]`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","z"]}],"m":{"p":["new"],"q":2},"s":"text"}`},
		{`m[*][1]`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","z"]}],"m":{"p":[1],"q":"new"},"s":"text"}`},
		{`({m}).q`, `{"a":{"b":1,"c.d":2,"e":null},"l":[{"k":1,"t":["x"]},{"k":2,"t":["y","z"]}],"m":{"p":[1],"q":"new"},"s":"text"}`},
		{`a.nope`, ``},
		{`l[2]`, ``},
		{`l[*k=9]`, ``},
		{`nope[*k=9]`, ``},
		{`s.length`, ``},
		{`s[0]`, ``},
		{`s[*]`, ``},
		{`l:get(length)`, ``},
	} {
		t.Run(tc.query, func(t *testing.T) {
			t.Parallel()
			q, err := jsonquery.Parse(tc.query)
			if err != nil {
				t.Fatal(err)
			}
			in := value.MustParse(root)
			out, found := q.Replace(in, value.String("new"))
			want := tc.want
			if want == "" {
				want = root
			}
			if found != (tc.want != "") || out.String() != want {
				t.Errorf("got %v, found %t, want %s", out, found, want)
			}
			if in.String() != root {
				t.Errorf("the input became %v", in)
			}
		})
	}
}

func TestReplace_absent(t *testing.T) {
	t.Parallel()
	q, err := jsonquery.Parse("a")
	if err != nil {
		t.Fatal(err)
	}
	if out, found := q.Replace(value.MustParse(`{"a":1}`), value.Absent); !found || out.String() != `{"a":null}` {
		t.Errorf("got %v, found %t, want a null", out, found)
	}
}

func TestRun_deep(t *testing.T) {
	t.Parallel()
	const depth = value.MaxDepth
	root := value.MustParse(strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth))
	objects := value.MustParse(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat(`}`, depth))
	for _, tc := range []struct {
		query string
		root  value.Value
		want  string
	}{
		{strings.Repeat(`[0]`, depth-1), root, `[]`},
		{strings.Repeat(`[].0`, depth/2-1), root, `[[]]`},
		{`[*=x]`, root, `[]`},
		{`[*={[*]}]`, root, `[]`},
		{strings.Repeat(`a.`, depth), objects, `1`},
	} {
		got, found, err := jsonquery.Select(tc.root, tc.query)
		if err != nil || !found || got.String() != tc.want {
			t.Errorf("%.40q: got %.60v, found %t, err %v, want %s", tc.query, got, found, err, tc.want)
		}
	}
}

// Subqueries inside what is repeated for every element would take time beyond all bounds if
// each were evaluated more than once.
func TestRun_subqueriesOnce(t *testing.T) {
	t.Parallel()
	query := "x"
	for range 30 {
		query = "[][*x={" + query + "}]|[]"
	}
	elements := make([]value.Value, 100)
	for i := range elements {
		elements[i] = value.Array(value.Object("x", value.Int(int64(i))))
	}
	if _, found, err := jsonquery.Select(value.Array(elements...), query); err != nil || !found {
		t.Errorf("found %t, err %v", found, err)
	}
}

func TestSelect_concurrent(t *testing.T) {
	t.Parallel()
	root := value.MustParse(document)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				n := (i + g) % 1500
				got, found, err := jsonquery.Select(root, fmt.Sprintf("devices[id=%d].id|words[%d]|site.tier", n, n))
				if err != nil || !found || got.IsNull() {
					t.Errorf("query %d: got %v, found %t, err %v", n, got, found, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzRun(f *testing.F) {
	const small = `{"a":{"b":1,"c.d":[true,null]},"l":[{"k":"x","t":[1]},{"k":"9","t":[]},null,"s"]}`
	for _, tc := range runs {
		f.Add(tc.query, small)
	}
	f.Add(`[*a~/[^]\u0041[[]/y]`, `[{"a":"😀"},null,1e400]`)
	f.Fuzz(func(t *testing.T, query, document string) {
		root, err := value.ParseLast([]byte(document))
		if err != nil {
			root = value.String(document)
		}
		q, err := jsonquery.Parse(query)
		if err != nil {
			if e, ok := errors.AsType[*jsonquery.SyntaxError](err); !ok || e.Offset < 0 || e.Offset > len(query) || e.Error() == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		got, found := q.Run(root)
		if got.IsAbsent() || !found && !got.IsNull() {
			t.Fatalf("got %v, found %t", got, found)
		}
		marker := value.String("replaced")
		out, replaced := q.Replace(root, marker)
		if replaced && !found {
			t.Fatal("replaced what is not there")
		}
		if !replaced && !value.Equal(out, root) {
			t.Fatalf("changed without a match: %v", out)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	root := value.MustParse(document)
	for _, query := range []string{`response.item[0].set.item[0].ip`, `devices[*os=ios & cpu<10].name`, `racks[**][*dev~/^sw/].u`} {
		q, err := jsonquery.Parse(query)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(query, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q.Run(root)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jsonquery.Parse(`devices[*os={want.os} & cpu<10].name|words[0]`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	root := value.MustParse(document)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := jsonquery.Select(root, `response.item[0].set.item[0].ip`); err != nil {
			b.Fatal(err)
		}
	}
}
