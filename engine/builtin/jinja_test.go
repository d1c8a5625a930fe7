package builtin

import (
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

var jinjaData = value.MustParse(`{"n":5,"s":"abc","d":{"z":1,"a":2.5},"l":[1,"b"],"none":null}`)

func TestRenderJinja(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{% for i in range(0, n) %}{{ i }}{{ "," if not loop.last }}{% endfor %}`:                         "0,1,2,3,4",
		`{{ s|upper }} {{ d.a }} {{ n + 1 }} {{ n * 3 }} {{ s ~ n }} {{ s * 2 }}`:                         "ABC 2.5 6 15 abc5 abcabc",
		`{{ l|join("-") }} {{ s.replace("b", "x") }} {{ missing }} {{ missing|default("d") }}`:            "1-b axc  d",
		`{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}`:                                         "a=2.5;z=1;",
		`{% if n > 3 and s is defined %}yes{% else %}no{% endif %}`:                                       "yes",
		`{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m("a") }}`:                                   "<1><a>",
		`{% set ns = namespace(t=0) %}{% for i in l %}{% set ns.t = ns.t + 1 %}{% endfor %}{{ ns.t }}`:    "2",
		`{% for i in [[[1]], 2] recursive %}{{ loop(i) if i is sequence else i }},{% endfor %}`:           "1,,,2,",
		`{% for i in range(300) recursive %}{% if i < 299 %}{% continue %}{% endif %}{{ i }}{% endfor %}`: "299",
		"vlan {{ n }}\n{% if none %}x{% endif %}\nexit\n":                                                 "vlan 5\n\nexit\n",
	} {
		got, err := renderJinja(source, jinjaData)
		if err != nil || strings.TrimSuffix(got, "\n") != strings.TrimSuffix(want, "\n") {
			t.Errorf("%s: %q, %v, want %q", source, got, err, want)
		}
	}
}

func TestRenderJinja_bounded(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{{ "a" * 1000000000000 }}`:         "bytes of text",
		`{{ "a" * n * 1000000 * 1000000 }}`: "bytes of text",
		`{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}`:                         "the template",
		`{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}`:                                                          "macros",
		`{% set ns = namespace(x="aaaaaaaaaa") %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}`: "bytes of text",
		`{% set x = "aaaaaaaaaa" %}` + strings.Repeat(`{% set x = x + x %}`, 60):                                   "bytes of text",
		`{{ "x"|center(10000000000) }}`:                                                                            "numbers up to",
		`{{ s.ljust(10000000000) }}`:                                                                               "numbers up to",
		`{{ (s * 100000)|replace("a", s * 100000) }}`:                                                              "bytes of text",
		`{% include "/etc/passwd" %}`:                                                                              "include",
		`{% import "/etc/passwd" as x %}`:                                                                          "import",
		`{% extends "/etc/passwd" %}`:                                                                              "extends",
		`{% block a %}{{ self.a() }}{% endblock %}`:                                                                "block",
		`{% for i in l recursive %}{{ loop(l) }}{% endfor %}`:                                                      "levels deep",
		`{{ l|random }}`: "random",
		`{{ lipsum() }}`: "",
		`{{ 1 // 0 }}`:   "",
		strings.Repeat("{{ (", 1) + strings.Repeat("(", maxTemplate): "",
		`{{ ` + strings.Repeat("not ", maxTemplate/4) + ` }}`:        "",
	} {
		start := time.Now()
		out, err := renderJinja(source, jinjaData)
		if took := time.Since(start); took > maxRender+3*time.Second {
			t.Errorf("%.60s: took %s", source, took)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.60s: %.40q, %v, want an error with %q", source, out, err, want)
		}
	}
}
