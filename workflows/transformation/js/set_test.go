package js

import "testing"

func TestSet(t *testing.T) {
	t.Parallel()
	compare(t, "Set", []row{
		{"new Set", `[[1,1,"1",{"$":"number","v":"NaN"},{"$":"number","v":"NaN"},null,null,0,{"$":"number","v":"-0"}]]`, `{"$":"set","v":[1,"1",{"$":"number","v":"NaN"},null,0]}`},
		{"new Set", `["aab"]`, `{"$":"set","v":["a","b"]}`},
		{"new Set", `[]`, `{"$":"set","v":[]}`},
		{"new Set", `[null]`, `{"$":"set","v":[]}`},
		{"new Set", `[5]`, `{"$":"throws","v":"TypeError"}`},
		{"new Set", `[[true,1]]`, `{"$":"set","v":[true,1]}`},
		{"add", `[{"$":"set","v":[1]},2]`, `{"$":"set","v":[1,2]}`},
		{"add", `[{"$":"set","v":[1]},1]`, `{"$":"set","v":[1]}`},
		{"has", `[{"$":"set","v":[1]},1]`, `true`},
		{"has", `[{"$":"set","v":[1]},"1"]`, `false`},
		{"delete", `[{"$":"set","v":[1,2]},1]`, `{"$":"set","v":[2]}`},
		{"size", `[{"$":"set","v":[1,2]}]`, `2`},
		{"values", `[{"$":"set","v":[1,2]}]`, `[1,2]`},
		{"entries", `[{"$":"set","v":[1]}]`, `[[1,1]]`},
	})
}
