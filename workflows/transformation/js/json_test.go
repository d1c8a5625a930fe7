package js

import "testing"

func TestJSON(t *testing.T) {
	t.Parallel()
	compare(t, "JSON", []row{
		{"parse", `["{\"a\":[1,null]}"]`, `{"a":[1,null]}`},
		{"parse", `["null"]`, `null`},
		{"parse", `["{"]`, `{"$":"throws","v":"SyntaxError"}`},
		{"parse", `[""]`, `{"$":"throws","v":"SyntaxError"}`},
		{"parse", `["1.0"]`, `1`},
		{"parse", `[{"$":"undefined"}]`, `{"$":"throws","v":"SyntaxError"}`},
		{"parse", `["\"x\""]`, `"x"`},
		{"parse", `["{\"a\":1,\"a\":2}"]`, `{"a":2}`},
		{"parse", `[5]`, `5`},
		{"parse", `["{\"a\":{\"b\":1}}",{"$":"function","v":"object"}]`, `{"a":{"b":2}}`},
		{"stringify", `[{"a":1,"b":[1,{"c":2}]}]`, `"{\"a\":1,\"b\":[1,{\"c\":2}]}"`},
		{"stringify", `[{"a":{"$":"undefined"},"b":1}]`, `"{\"b\":1}"`},
		{"stringify", `[[{"$":"undefined"}]]`, `"[null]"`},
		{"stringify", `[{"$":"undefined"}]`, `{"$":"undefined"}`},
		{"stringify", `[{"a":1,"b":2},["a"]]`, `"{\"a\":1}"`},
		{"stringify", `[{"a":[1,2]},null,2]`, `"{\n  \"a\": [\n    1,\n    2\n  ]\n}"`},
		{"stringify", `[{"a":1},null,"--"]`, `"{\n--\"a\": 1\n}"`},
		{"stringify", `[[]]`, `"[]"`},
		{"stringify", `[{},null,2]`, `"{}"`},
		{"stringify", `[[],null,2]`, `"[]"`},
		{"stringify", `["a\"\n\b\f\u0001é\\u0008"]`, `"\"a\\\"\\n\\b\\f\\u0001é\\\\u0008\""`},
		{"stringify", `[{"$":"number","v":"NaN"}]`, `"null"`},
		{"stringify", `[{"$":"date","v":0}]`, `"\"1970-01-01T00:00:00.000Z\""`},
		{"stringify", `[{"$":"regexp","v":["a",""]}]`, `"{}"`},
		{"stringify", `[{"a":{"$":"date","v":0}}]`, `"{\"a\":\"1970-01-01T00:00:00.000Z\"}"`},
		{"stringify", `[{"1":3,"b":1,"a":2}]`, `"{\"1\":3,\"b\":1,\"a\":2}"`},
		{"stringify", `[{"a":1,"b":"x"},{"$":"function","v":"object"}]`, `"{\"a\":2,\"b\":\"x\"}"`},
		{"stringify", `[{"a":{"$":"undefined"}},null,1]`, `"{}"`},
		{"stringify", `[null]`, `"null"`},
		{"type of", `[{"$":"undefined"}]`, `"undefined"`},
		{"type of", `[null]`, `"object"`},
		{"type of", `[[]]`, `"object"`},
		{"type of", `["a"]`, `"string"`},
		{"type of", `[1]`, `"number"`},
		{"type of", `[true]`, `"boolean"`},
		{"type of", `[{}]`, `"object"`},
		{"type of", `[{"$":"date","v":0}]`, `"object"`},
	})
}
