package regex

import (
	"fmt"
	"slices"
	"testing"
	"unicode/utf16"
)

// match gives the index of the match, the match and its groups; nil without a match.
func match(re *Regexp, text string, start int) ([]string, error) {
	units := utf16.Encode([]rune(text))
	budget := 1_000_000
	caps, err := re.Match(units, start, &budget)
	if caps == nil {
		return nil, err
	}
	out := []string{fmt.Sprint(caps[0])}
	for i := 0; i < len(caps); i += 2 {
		if caps[i] < 0 || caps[i+1] < 0 {
			out = append(out, "undefined")
			continue
		}
		out = append(out, string(utf16.Decode(units[caps[i]:caps[i+1]])))
	}
	return out, nil
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, flags, text string
		want                 []string // the index of the match, the match and its groups; nil without a match
	}{
		{`a`, "g", `a`, []string{`0`, `a`}},
		{`a`, "g", `aab`, []string{`0`, `a`}},
		{`a`, "g", `abab`, []string{`0`, `a`}},
		{`a`, "g", `2024-05`, nil},
		{`(a)(b)?`, "g", `abab`, []string{`0`, `ab`, `a`, `b`}},
		{`(a)(b)?`, "g", `abcd`, []string{`0`, `ab`, `a`, `b`}},
		{`(a)(b)?`, "g", `ab`, []string{`0`, `ab`, `a`, `b`}},
		{`(a)(b)?`, "g", `2024-05`, nil},
		{`^a`, "gm", `a`, []string{`0`, `a`}},
		{`^a`, "gm", `aab`, []string{`0`, `a`}},
		{`^a`, "gm", `abab`, []string{`0`, `a`}},
		{`^a`, "gm", `zaacbbbcac`, nil},
		{`a$`, "gm", `a`, []string{`0`, `a`}},
		{`a$`, "gm", `aaaba`, []string{`4`, `a`}},
		{`a$`, "gm", `x{a`, []string{`2`, `a`}},
		{`a$`, "gm", `aab`, nil},
		{`$`, "", ``, []string{`0`, ``}},
		{`$`, "", `a`, []string{`1`, ``}},
		{`$`, "", `aab`, []string{`3`, ``}},
		{`a*?`, "g", ``, []string{`0`, ``}},
		{`a*?`, "g", `a`, []string{`0`, ``}},
		{`a*?`, "g", `aab`, []string{`0`, ``}},
		{`(a*)*`, "", `aaaba`, []string{`0`, `aaa`, `aaa`}},
		{`(a*)*`, "", `aab`, []string{`0`, `aa`, `aa`}},
		{`(a*)*`, "", `a`, []string{`0`, `a`, `a`}},
		{`(?:a|ab)(?:c|bcd)(d*)`, "", `abcd`, []string{`0`, `abcd`, ``}},
		{`(?:a|ab)(?:c|bcd)(d*)`, "", `zaacbbbcac`, []string{`2`, `ac`, ``}},
		{`(?:a|ab)(?:c|bcd)(d*)`, "", `baaabaac`, []string{`6`, `ac`, ``}},
		{`(?:a|ab)(?:c|bcd)(d*)`, "", `a`, nil},
		{`(z)((a+)?(b+)?(c))*`, "", `zaacbbbcac`, []string{`0`, `zaacbbbcac`, `z`, `ac`, `a`, `undefined`, `c`}},
		{`(z)((a+)?(b+)?(c))*`, "", `a`, nil},
		{`(?=(a+))a*b\1`, "", `baaabaac`, []string{`2`, `aabaa`, `aa`}},
		{`(?=(a+))a*b\1`, "", `abab`, []string{`0`, `aba`, `a`}},
		{`(?=(a+))a*b\1`, "", `aaaba`, []string{`2`, `aba`, `a`}},
		{`(?=(a+))a*b\1`, "", `a`, nil},
		{`(.*?)a(?!(a+)b\2c)\2(.*)`, "", `Straße SS ſ K k É é Àý`, []string{`0`, `Straße SS ſ K k É é Àý`, `Str`, `undefined`, `ße SS ſ K k É é Àý`}},
		{`(.*?)a(?!(a+)b\2c)\2(.*)`, "", `foo Foo FOO bar`, []string{`0`, `foo Foo FOO bar`, `foo Foo FOO b`, `undefined`, `r`}},
		{`(.*?)a(?!(a+)b\2c)\2(.*)`, "", `zaacbbbcac`, []string{`0`, `zaacbbbcac`, `z`, `undefined`, `acbbbcac`}},
		{`(.*?)a(?!(a+)b\2c)\2(.*)`, "", `2024-05`, nil},
		{`[^]`, "g", `a`, []string{`0`, `a`}},
		{`[^]`, "g", `aab`, []string{`0`, `a`}},
		{`[^]`, "g", `abab`, []string{`0`, `a`}},
		{`[]`, "", `a`, nil},
		{`\bfoo\b`, "gi", `foo Foo FOO bar`, []string{`0`, `foo`}},
		{`\bfoo\b`, "gi", `a`, nil},
		{`(?<y>\d{4})-(?<m>\d\d)`, "", `2024-05`, []string{`0`, `2024-05`, `2024`, `05`}},
		{`(?<y>\d{4})-(?<m>\d\d)`, "", `a`, nil},
		{`(?<=\$)\d+(\.\d*)?`, "", `$10.53 7`, []string{`1`, `10.53`, `.53`}},
		{`(?<=\$)\d+(\.\d*)?`, "", `a`, nil},
		{`(?<!\$)\b\d+`, "g", `2024-05`, []string{`0`, `2024`}},
		{`(?<!\$)\b\d+`, "g", `1053`, []string{`0`, `1053`}},
		{`(?<!\$)\b\d+`, "g", `192.168.1.1`, []string{`0`, `192`}},
		{`(?<!\$)\b\d+`, "g", `a`, nil},
		{`(?<=(\d+)(\d+))$`, "", `2024-05`, []string{`7`, ``, `0`, `5`}},
		{`(?<=(\d+)(\d+))$`, "", `1053`, []string{`4`, ``, `1`, `053`}},
		{`(?<=(\d+)(\d+))$`, "", `a`, nil},
		{`(?<=\1(a))b`, "", `aab`, []string{`2`, `b`, `a`}},
		{`(?<=\1(a))b`, "", `aaaba`, []string{`3`, `b`, `a`}},
		{`(?<=\1(a))b`, "", `baaabaac`, []string{`4`, `b`, `a`}},
		{`(?<=\1(a))b`, "", `a`, nil},
		{`\k<n>(?<n>x)`, "", `xxxxx`, []string{`0`, `x`, `x`}},
		{`\k<n>(?<n>x)`, "", `x{,3}`, []string{`0`, `x`, `x`}},
		{`\k<n>(?<n>x)`, "", `x{a`, []string{`0`, `x`, `x`}},
		{`\k<n>(?<n>x)`, "", `a`, nil},
		{`\1(a)`, "", `a`, []string{`0`, `a`, `a`}},
		{`\1(a)`, "", `aab`, []string{`0`, `a`, `a`}},
		{`\1(a)`, "", `abab`, []string{`0`, `a`, `a`}},
		{`\1(a)`, "", `2024-05`, nil},
		{`x{2,3}`, "g", `xxxxx`, []string{`0`, `xxx`}},
		{`x{2,3}`, "g", `a`, nil},
		{`x{2}`, "g", `xxxxx`, []string{`0`, `xx`}},
		{`x{2}`, "g", `a`, nil},
		{`x{,3}`, "", `x{,3}`, []string{`0`, `x{,3}`}},
		{`x{,3}`, "", `a`, nil},
		{`x{a`, "", `x{a`, []string{`0`, `x{a`}},
		{`x{a`, "", `a`, nil},
		{`a{2`, "", `a{2`, []string{`0`, `a{2`}},
		{`a{2`, "", `a`, nil},
		{`\u{61}`, "", `a`, nil},
		{`\u{61}`, "u", `a`, []string{`0`, `a`}},
		{`\u{61}`, "u", `aab`, []string{`0`, `a`}},
		{`\u{61}`, "u", `abab`, []string{`0`, `a`}},
		{`\u{61}`, "u", `2024-05`, nil},
		{`.`, "gu", `a`, []string{`0`, `a`}},
		{`.`, "gu", `aab`, []string{`0`, `a`}},
		{`.`, "gu", `abab`, []string{`0`, `a`}},
		{`.`, "g", `a`, []string{`0`, `a`}},
		{`.`, "g", `aab`, []string{`0`, `a`}},
		{`.`, "g", `abab`, []string{`0`, `a`}},
		{`[\u{1F600}-\u{1F64F}]`, "u", `😀`, []string{`0`, `😀`}},
		{`[\u{1F600}-\u{1F64F}]`, "u", `a😀b`, []string{`1`, `😀`}},
		{`[\u{1F600}-\u{1F64F}]`, "u", `a`, nil},
		{`😀`, "g", `😀`, []string{`0`, `😀`}},
		{`😀`, "g", `a😀b`, []string{`1`, `😀`}},
		{`😀`, "g", `a`, nil},
		{`[😀]`, "g", `a`, nil},
		{`[😀]`, "gu", `😀`, []string{`0`, `😀`}},
		{`[😀]`, "gu", `a😀b`, []string{`1`, `😀`}},
		{`[😀]`, "gu", `a`, nil},
		{`\w+`, "gi", `zaacbbbcac`, []string{`0`, `zaacbbbcac`}},
		{`\w+`, "gi", `baaabaac`, []string{`0`, `baaabaac`}},
		{`\w+`, "gi", `aaaba`, []string{`0`, `aaaba`}},
		{`\w+`, "gi", `😀`, nil},
		{`\s+`, "g", `foo Foo FOO bar`, []string{`3`, ` `}},
		{`\s+`, "g", `$10.53 7`, []string{`6`, ` `}},
		{`\s+`, "g", "a\nb\na", []string{`1`, "\n"}},
		{`\s+`, "g", `a`, nil},
		{`[\s\S]+`, "", `Straße SS ſ K k É é Àý`, []string{`0`, `Straße SS ſ K k É é Àý`}},
		{`[\s\S]+`, "", `foo Foo FOO bar`, []string{`0`, `foo Foo FOO bar`}},
		{`[\s\S]+`, "", `192.168.1.1`, []string{`0`, `192.168.1.1`}},
		{`[\w-]+`, "g", `zaacbbbcac`, []string{`0`, `zaacbbbcac`}},
		{`[\w-]+`, "g", `baaabaac`, []string{`0`, `baaabaac`}},
		{`[\w-]+`, "g", `2024-05`, []string{`0`, `2024-05`}},
		{`[\w-]+`, "g", `😀`, nil},
		{`[a-\d]+`, "g", `2024-05`, []string{`0`, `2024-05`}},
		{`[a-\d]+`, "g", `1053`, []string{`0`, `1053`}},
		{`[a-\d]+`, "g", `aaaba`, []string{`0`, `aaa`}},
		{`[a-\d]+`, "g", `xxxxx`, nil},
		{`[^\d]`, "g", `a`, []string{`0`, `a`}},
		{`[^\d]`, "g", `aab`, []string{`0`, `a`}},
		{`[^\d]`, "g", `abab`, []string{`0`, `a`}},
		{`[^\d]`, "g", `1053`, nil},
		{`\0`, "", "\u0000", []string{`0`, "\u0000"}},
		{`\0`, "", `a`, nil},
		{`\x41`, "", "A\n", []string{`0`, `A`}},
		{`\x41`, "", `αβγ Abc`, []string{`4`, `A`}},
		{`\x41`, "", `a`, nil},
		{`\cJ`, "", "a\nb\na", []string{`1`, "\n"}},
		{`\cJ`, "", "A\n", []string{`1`, "\n"}},
		{`\cJ`, "", "a c a\nc", []string{`5`, "\n"}},
		{`\cJ`, "", `a`, nil},
		{`\8`, "", `8`, []string{`0`, `8`}},
		{`\8`, "", `192.168.1.1`, []string{`6`, `8`}},
		{`\8`, "", `a`, nil},
		{`\101`, "", "A\n", []string{`0`, `A`}},
		{`\101`, "", `αβγ Abc`, []string{`4`, `A`}},
		{`\101`, "", `a`, nil},
		{`(?:)`, "g", ``, []string{`0`, ``}},
		{`(?:)`, "g", `a`, []string{`0`, ``}},
		{`(?:)`, "g", `aab`, []string{`0`, ``}},
		{`|a`, "g", ``, []string{`0`, ``}},
		{`|a`, "g", `a`, []string{`0`, ``}},
		{`|a`, "g", `aab`, []string{`0`, ``}},
		{`a||b`, "g", `a`, []string{`0`, `a`}},
		{`a||b`, "g", `aab`, []string{`0`, `a`}},
		{`a||b`, "g", `abab`, []string{`0`, `a`}},
		{`(a|b)*c`, "", `baaabaac`, []string{`0`, `baaabaac`, `a`}},
		{`(a|b)*c`, "", `abcd`, []string{`0`, `abc`, `b`}},
		{`(a|b)*c`, "", `zaacbbbcac`, []string{`1`, `aac`, `a`}},
		{`(a|b)*c`, "", `a`, nil},
		{`(?:(a)|b)*`, "", `baaabaac`, []string{`0`, `baaabaa`, `a`}},
		{`(?:(a)|b)*`, "", `aaaba`, []string{`0`, `aaaba`, `a`}},
		{`(?:(a)|b)*`, "", `a`, []string{`0`, `a`, `a`}},
		{`(?:a*)+`, "", `aaaba`, []string{`0`, `aaa`}},
		{`(?:a*)+`, "", `aab`, []string{`0`, `aa`}},
		{`(?:a*)+`, "", `a`, []string{`0`, `a`}},
		{`(?:a?){3}`, "", `aaaba`, []string{`0`, `aaa`}},
		{`(?:a?){3}`, "", `aab`, []string{`0`, `aa`}},
		{`(?:a?){3}`, "", `a`, []string{`0`, `a`}},
		{`(a?)*?b`, "", `aaaba`, []string{`0`, `aaab`, `a`}},
		{`(a?)*?b`, "", `aab`, []string{`0`, `aab`, `a`}},
		{`(a?)*?b`, "", `abab`, []string{`0`, `ab`, `a`}},
		{`(a?)*?b`, "", `a`, nil},
		{`ß`, "i", `Straße SS ſ K k É é Àý`, []string{`4`, `ß`}},
		{`ß`, "i", `a`, nil},
		{`ſ`, "i", `Straße SS ſ K k É é Àý`, []string{`10`, `ſ`}},
		{`ſ`, "i", `a`, nil},
		{`ſ`, "iu", `Straße SS ſ K k É é Àý`, []string{`0`, `S`}},
		{`ſ`, "iu", `a`, nil},
		{`K`, "i", `Straße SS ſ K k É é Àý`, []string{`12`, `K`}},
		{`K`, "i", `a`, nil},
		{`É`, "i", `Straße SS ſ K k É é Àý`, []string{`16`, `É`}},
		{`É`, "i", `a`, nil},
		{`[à-ý]+`, "gi", `Straße SS ſ K k É é Àý`, []string{`16`, `É`}},
		{`[à-ý]+`, "gi", `a`, nil},
		{`\p{L}+`, "gu", `zaacbbbcac`, []string{`0`, `zaacbbbcac`}},
		{`\p{L}+`, "gu", `baaabaac`, []string{`0`, `baaabaac`}},
		{`\p{L}+`, "gu", `Straße SS ſ K k É é Àý`, []string{`0`, `Straße`}},
		{`\p{L}+`, "gu", `2024-05`, nil},
		{`\p{Lu}`, "gu", `foo Foo FOO bar`, []string{`4`, `F`}},
		{`\p{Lu}`, "gu", `Straße SS ſ K k É é Àý`, []string{`0`, `S`}},
		{`\p{Lu}`, "gu", "A\n", []string{`0`, `A`}},
		{`\p{Lu}`, "gu", `a`, nil},
		{`\P{L}`, "gu", `foo Foo FOO bar`, []string{`3`, ` `}},
		{`\P{L}`, "gu", `2024-05`, []string{`0`, `2`}},
		{`\P{L}`, "gu", `$10.53 7`, []string{`0`, `$`}},
		{`\P{L}`, "gu", `a`, nil},
		{`\p{Script=Greek}`, "gu", `αβγ Abc`, []string{`0`, `α`}},
		{`\p{Script=Greek}`, "gu", `a`, nil},
		{`{`, "", `x{,3}`, []string{`1`, `{`}},
		{`{`, "", `x{a`, []string{`1`, `{`}},
		{`{`, "", `a{2`, []string{`1`, `{`}},
		{`{`, "", `a`, nil},
		{`}`, "", `x{,3}`, []string{`4`, `}`}},
		{`}`, "", `{}]`, []string{`1`, `}`}},
		{`}`, "", `a`, nil},
		{`]`, "", `{}]`, []string{`2`, `]`}},
		{`]`, "", `a`, nil},
		{`(?=a)*`, "", ``, []string{`0`, ``}},
		{`(?=a)*`, "", `a`, []string{`0`, ``}},
		{`(?=a)*`, "", `aab`, []string{`0`, ``}},
		{`[\-]`, "u", `2024-05`, []string{`4`, `-`}},
		{`[\-]`, "u", `a`, nil},
		{`a.c`, "s", `abcd`, []string{`0`, `abc`}},
		{`a.c`, "s", `zaacbbbcac`, []string{`1`, `aac`}},
		{`a.c`, "s", `baaabaac`, []string{`5`, `aac`}},
		{`a.c`, "s", `a`, nil},
		{`a.c`, "", `abcd`, []string{`0`, `abc`}},
		{`a.c`, "", `zaacbbbcac`, []string{`1`, `aac`}},
		{`a.c`, "", `baaabaac`, []string{`5`, `aac`}},
		{`a.c`, "", `a`, nil},
		{`foo`, "y", `foo Foo FOO bar`, []string{`0`, `foo`}},
		{`foo`, "y", `a`, nil},
		{`oo`, "y", `a`, nil},
		{`^\s*$`, "gm", ``, []string{`0`, ``}},
		{`^\s*$`, "gm", "A\n", []string{`2`, ``}},
		{`^\s*$`, "gm", `a`, nil},
		{`\/`, "", `/`, []string{`0`, `/`}},
		{`\/`, "", `a`, nil},
		{`[/]`, "", `/`, []string{`0`, `/`}},
		{`[/]`, "", `a`, nil},
		{`^(([^<>()\[\]\\.,;:\s@"]+(\.[^<>()\[\]\\.,;:\s@"]+)*)|(".+"))@x$`, "", `me@x`, []string{`0`, `me@x`, `me`, `me`, `undefined`, `undefined`}},
		{`^(([^<>()\[\]\\.,;:\s@"]+(\.[^<>()\[\]\\.,;:\s@"]+)*)|(".+"))@x$`, "", `a`, nil},
		{`(\d{1,3})\.(\d{1,3})`, "g", `192.168.1.1`, []string{`0`, `192.168`, `192`, `168`}},
		{`(\d{1,3})\.(\d{1,3})`, "g", `$10.53 7`, []string{`1`, `10.53`, `10`, `53`}},
		{`(\d{1,3})\.(\d{1,3})`, "g", `a`, nil},
		{`(?:(?=(a))b|a)+`, "", `aaaba`, []string{`0`, `aaa`, `undefined`}},
		{`(?:(?=(a))b|a)+`, "", `baaabaac`, []string{`1`, `aaa`, `undefined`}},
		{`(?:(?=(a))b|a)+`, "", `aab`, []string{`0`, `aa`, `undefined`}},
		{`(?:(?=(a))b|a)+`, "", `2024-05`, nil},
		{`((a)|(b))+`, "", `baaabaac`, []string{`0`, `baaabaa`, `a`, `a`, `undefined`}},
		{`((a)|(b))+`, "", `aaaba`, []string{`0`, `aaaba`, `a`, `a`, `undefined`}},
		{`((a)|(b))+`, "", `abab`, []string{`0`, `abab`, `b`, `undefined`, `b`}},
		{`((a)|(b))+`, "", `2024-05`, nil},
		{`(?!(a))b`, "", `aab`, []string{`2`, `b`, `undefined`}},
		{`(?!(a))b`, "", `abab`, []string{`1`, `b`, `undefined`}},
		{`(?!(a))b`, "", `aaaba`, []string{`3`, `b`, `undefined`}},
		{`(?!(a))b`, "", `a`, nil},
		{`\b`, "g", `a`, []string{`0`, ``}},
		{`\b`, "g", `aab`, []string{`0`, ``}},
		{`\b`, "g", `abab`, []string{`0`, ``}},
		{`\b`, "g", `😀`, nil},
		{`\B`, "g", ``, []string{`0`, ``}},
		{`\B`, "g", `aab`, []string{`1`, ``}},
		{`\B`, "g", `abab`, []string{`1`, ``}},
		{`\B`, "g", `a`, nil},
		{`[^a]+?`, "g", `aab`, []string{`2`, `b`}},
		{`[^a]+?`, "g", `abab`, []string{`1`, `b`}},
		{`[^a]+?`, "g", `aaaba`, []string{`3`, `b`}},
		{`[^a]+?`, "g", `a`, nil},
		{`(a{0,2}){2}`, "", `aaaba`, []string{`0`, `aaa`, `a`}},
		{`(a{0,2}){2}`, "", `aab`, []string{`0`, `aa`, ``}},
		{`(a{0,2}){2}`, "", `a`, []string{`0`, `a`, ``}},
		{`(){3}a`, "", `a`, []string{`0`, `a`, ``}},
		{`(){3}a`, "", `aab`, []string{`0`, `a`, ``}},
		{`(){3}a`, "", `abab`, []string{`0`, `a`, ``}},
		{`(){3}a`, "", `2024-05`, nil},
		{`(?:a|())*b`, "", `aaaba`, []string{`0`, `aaab`, `undefined`}},
		{`(?:a|())*b`, "", `aab`, []string{`0`, `aab`, `undefined`}},
		{`(?:a|())*b`, "", `abab`, []string{`0`, `ab`, `undefined`}},
		{`(?:a|())*b`, "", `a`, nil},
		{`x*`, "g", `xxxxx`, []string{`0`, `xxxxx`}},
		{`x*`, "g", `x{,3}`, []string{`0`, `x`}},
		{`x*`, "g", `x{a`, []string{`0`, `x`}},
		{`^(?:\1(a))+$`, "", `a`, []string{`0`, `a`, `a`}},
		{`^(?:\1(a))+$`, "", `aab`, nil},
		{`\d`, "gi", `2024-05`, []string{`0`, `2`}},
		{`\d`, "gi", `$10.53 7`, []string{`1`, `1`}},
		{`\d`, "gi", `1053`, []string{`0`, `1`}},
		{`\d`, "gi", `a`, nil},
		{`\W`, "giu", `foo Foo FOO bar`, []string{`3`, ` `}},
		{`\W`, "giu", `2024-05`, []string{`4`, `-`}},
		{`\W`, "giu", `$10.53 7`, []string{`0`, `$`}},
		{`\W`, "giu", `a`, nil},
		{`[\b]`, "", "\u0008", []string{`0`, "\u0008"}},
		{`[\b]`, "", `a`, nil},
	} {
		re, err := Compile(tc.pattern, tc.flags)
		if err != nil {
			t.Errorf("/%s/%s: %v", tc.pattern, tc.flags, err)
			continue
		}
		got, err := match(re, tc.text, 0)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("/%s/%s on %q: got %q (%v), want %q", tc.pattern, tc.flags, tc.text, got, err, tc.want)
		}
	}
}

func TestCompile_refuses(t *testing.T) {
	t.Parallel()
	for _, tc := range [][2]string{
		{`(?i)a`, ""},
		{`a**`, ""},
		{`(`, ""},
		{`)`, ""},
		{`[b-a]`, ""},
		{`\`, ""},
		{`a`, "gg"},
		{`a`, "x"},
		{`(?<a>x)(?<a>y)`, ""},
		{`(?=a)*`, "u"},
		{`(?<=a)*`, ""},
		{`^*`, ""},
		{`\p{Foo}`, "u"},
		{`\_`, "u"},
		{`\-`, "u"},
		{`(a{1000}){1000}`, ""},
	} {
		if re, err := Compile(tc[0], tc[1]); err == nil {
			t.Errorf("/%s/%s compiled to %d instructions, want an error", tc[0], tc[1], len(re.prog))
		}
	}
}

func TestMatch_budget(t *testing.T) {
	t.Parallel()
	re, err := Compile(`^(a+)+$`, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"} {
		if got, err := match(re, text, 0); err != ErrTooComplex {
			t.Errorf("got %q, %v, want %v", got, err, ErrTooComplex)
		}
	}
}

func TestRegexp_properties(t *testing.T) {
	t.Parallel()
	re, err := Compile(`(?<year>\d+)-(\d+)`, "yigd")
	if err != nil {
		t.Fatal(err)
	}
	if re.Flags != "dgiy" || re.Groups != 2 || !slices.Equal(re.Names, []string{"year", ""}) {
		t.Errorf("flags %q, %d groups, names %q", re.Flags, re.Groups, re.Names)
	}
	if got, err := match(re, "x2024-05", 1); err != nil || !slices.Equal(got, []string{"1", "2024-05", "2024", "05"}) {
		t.Errorf("sticky at 1: got %q (%v)", got, err)
	}
	if got, err := match(re, "x2024-05", 0); err != nil || got != nil {
		t.Errorf("sticky at 0: got %q (%v), want no match", got, err)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add(`(a|b)*?c{2,}(?<=x)\1`, "gi", "abcab")
	f.Add(`[^\d\p{L}]+$`, "um", "é1\n")
	f.Fuzz(func(t *testing.T, pattern, flags, text string) {
		re, err := Compile(pattern, flags)
		if err != nil {
			return
		}
		units := utf16.Encode([]rune(text))
		budget := 20_000
		caps, err := re.Match(units, 0, &budget)
		if err != nil || caps == nil {
			return
		}
		for i := 0; i < len(caps); i += 2 {
			from, to := caps[i], caps[i+1]
			if from >= 0 && to >= 0 && (from > to || to > len(units)) {
				t.Errorf("/%s/%s on %q: group %d is %d..%d", pattern, flags, text, i/2, from, to)
			}
		}
	})
}
