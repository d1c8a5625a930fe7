package js

import "testing"

func TestRegExp(t *testing.T) {
	t.Parallel()
	compare(t, "RegExp", []row{
		{"new RegExp", `["a+","gi"]`, `{"$":"regexp","v":["a+","gi"]}`},
		{"new RegExp", `["a"]`, `{"$":"regexp","v":["a",""]}`},
		{"new RegExp", `["("]`, `{"$":"throws","v":"SyntaxError"}`},
		{"new RegExp", `["a","z"]`, `{"$":"throws","v":"SyntaxError"}`},
		{"new RegExp", `[{"$":"regexp","v":["a","g"]}]`, `{"$":"regexp","v":["a","g"]}`},
		{"new RegExp", `[{"$":"regexp","v":["a","g"]},"i"]`, `{"$":"regexp","v":["a","i"]}`},
		{"new RegExp", `["a/b"]`, `{"$":"regexp","v":["a\\/b",""]}`},
		{"new RegExp", `[{"$":"undefined"}]`, `{"$":"regexp","v":["(?:)",""]}`},
		{"test", `[{"$":"regexp","v":["a",""]},"cat"]`, `true`},
		{"test", `[{"$":"regexp","v":["^\\d+$",""]},"12"]`, `true`},
		{"test", `[{"$":"regexp","v":["^\\d+$",""]},12]`, `true`},
		{"test", `[{"$":"regexp","v":["null",""]},null]`, `true`},
		{"exec", `[{"$":"regexp","v":["(b)(x)?",""]},"abc"]`, `["b","b",{"$":"undefined"}]`},
		{"exec", `[{"$":"regexp","v":["z",""]},"a"]`, `null`},
		{"exec", `[{"$":"regexp","v":["(?<n>a)",""]},"a"]`, `["a","a"]`},
		{"flags", `[{"$":"regexp","v":["a","yig"]}]`, `"giy"`},
		{"source", `[{"$":"regexp","v":["a+",""]}]`, `"a+"`},
		{"global", `[{"$":"regexp","v":["a","g"]}]`, `true`},
		{"toString", `[{"$":"regexp","v":["a+","g"]}]`, `"/a+/g"`},
	})
}
