package builtin

import (
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

var testNow = time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)

// memory is a set of documents by key.
type memory struct {
	transformations map[string]*transformation.Transformation
	templates       map[string]Template
}

func (m memory) Transformation(key string) (*transformation.Transformation, error) {
	if t, ok := m.transformations[key]; ok {
		return t, nil
	}
	return nil, ErrNotFound
}

func (m memory) Template(name string) (Template, error) {
	if t, ok := m.templates[name]; ok {
		return t, nil
	}
	return Template{}, ErrNotFound
}

func documents(t testing.TB) memory {
	t.Helper()
	upper, err := transformation.Parse(value.MustParse(`{
		"_id":"652ff25180403501cbadcbe5","name":"upper",
		"incoming":[{"$id":"name","type":"string"}],"outgoing":[{"$id":"loud","type":"string"}],
		"steps":[
			{"id":1,"type":"method","library":"String","method":"toUpperCase","args":[null],"context":"#"},
			{"id":2,"type":"assign","from":{"location":"incoming","name":"name","ptr":""},"to":{"location":"method","name":1,"ptr":"/args/0/value"},"context":"#"},
			{"id":3,"type":"assign","from":{"location":"method","name":1,"ptr":"/return"},"to":{"location":"outgoing","name":"loud","ptr":""},"context":"#"}],
		"functions":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	return memory{
		transformations: map[string]*transformation.Transformation{"upper": upper},
		templates: map[string]Template{
			"hello":   {Name: "hello", Type: typeJinja2, Text: "Hello {{ who }}!"},
			"broken":  {Name: "broken", Type: typeJinja2, Text: "{{"},
			"devices": {Name: "devices", Type: typeTextFSM, Text: "Value Required NAME (\\S+)\nValue IP (\\S+)\n\nStart\n  ^${NAME} ${IP} -> Record\n"},
		},
	}
}

func testCall(t testing.TB, incoming string) *Call {
	t.Helper()
	return &Call{
		Incoming: value.MustParse(incoming), Now: testNow, Task: "a1", Iteration: 1, Documents: documents(t),
		Job: &engine.Job{
			ID:        "0123456789abcdef01234567",
			Variables: value.MustParse(`{"list":["a","b"],"none":[],"text":"x","n":2}`),
			Counters:  []engine.Count{{Name: "reattempt/late", N: 2}},
		},
	}
}

func lookup(t testing.TB, name string) Task {
	t.Helper()
	for _, app := range []string{workFlowEngine, mop, templateBuilder} {
		if task, ok := Lookup(app, name); ok && (task.Run != nil || app == workFlowEngine) {
			return task
		}
	}
	t.Fatalf("no task %q", name)
	return Task{}
}

// cases are the tasks' behaviour: want is the outgoing object, or a part of the message of
// an error.
var cases = []struct {
	task, in string
	state    workflows.FinishState
	want     string
}{
	{"FlattenJSONFormInput", `{"input":{"a":["x"],"b":["y","z"],"c":1}}`, "success", `{"response":{"a":"x","b":["y","z"],"c":1}}`},
	{"addDuration", `{"inputTime":{"time":"2023-04-28T01:21:14.052000-1100","formatString":"YYYY-MM-DDTHH:mm:ss.SSSSSSZZ"},"offsetDuration":{"months":1,"days":7}}`, "success", `{"newTime":{"time":"2023-06-04T01:21:14.052000-1100","formatString":"YYYY-MM-DDTHH:mm:ss.SSSSSSZZ"}}`},
	{"addDuration", `{"inputTime":{"time":"2024-01-31","formatString":"YYYY-MM-DD"},"offsetDuration":"P1M"}`, "success", `{"newTime":{"time":"2024-02-29","formatString":"YYYY-MM-DD"}}`},
	{"addDuration", `{"inputTime":{"time":"2024-01-31","formatString":"YYYY-MM-DD"},"offsetDuration":-86400000}`, "success", `{"newTime":{"time":"2024-01-30","formatString":"YYYY-MM-DD"}}`},
	{"addDuration", `{"inputTime":{"time":"soon"},"offsetDuration":1}`, "error", "ISO 8601"},
	{"addDuration", `{"inputTime":{"time":"2024-01-31"},"offsetDuration":{"moons":1}}`, "error", "moons"},
	{"applyTemplates", `{"templates":["devices"],"text":"r1 10.0.0.1"}`, "success", `{"result":{"devices":[{"NAME":"r1","IP":"10.0.0.1"}]}}`},
	{"applyTemplates", `{"templates":["nothing"],"text":""}`, "error", "there is no template"},
	{"arrayConcat", `{"arr":[1],"arrayN":[2,[3]]}`, "success", `{"combinedArray":[1,2,[3]]}`},
	{"arrayConcat", `{"arr":[1]}`, "error", "arrayN"},
	{"arrayIncludes", `{"arr":[1,"2"],"searchElement":"2","fromIndex":""}`, "success", `{"result":true}`},
	{"arrayIndexOf", `{"arr":[1,2,1],"searchElement":1,"fromIndex":1}`, "success", `{"index":2}`},
	{"arrayIndexOf", `{"arr":[1,2],"searchElement":"1"}`, "success", `{"index":-1}`},
	{"arrayLastIndexOf", `{"arr":[1,2,1],"searchElement":1}`, "success", `{"index":2}`},
	{"arrayLength", `{"arr":[1,2]}`, "success", `{"length":2}`},
	{"arrayLength", `{"arr":"ab"}`, "error", "an array, not a string"},
	{"arrayPop", `{"arr":[1,2]}`, "success", `{"poppedArray":[1]}`},
	{"arrayPop", `{"arr":[]}`, "success", `{"poppedArray":[]}`},
	{"arrayPush", `{"arr":[],"elementN":{"a":1}}`, "success", `{"pushedArray":[{"a":1}]}`},
	{"arrayShift", `{"arr":[1,2]}`, "success", `{"shiftedArray":[2]}`},
	{"arraySlice", `{"arr":[1,2,3,4],"begin":1,"end":-1}`, "success", `{"slicedArray":[2,3]}`},
	{"arrayToLocaleString", `{"arr":["a","b"]}`, "success", `{"arrayString":"a,b"}`},
	{"arrayToString", `{"arr":[1,[2,null],"x"]}`, "success", `{"arrayString":"1,2,,x"}`},
	{"arrayToString", `{"arr":[]}`, "success", `{"arrayString":null}`},
	{"asciiToBase64", `{"str":"hello"}`, "success", `{"base64":"aGVsbG8="}`},
	{"assign", `{"target":{"a":1,"b":1},"sourceN":{"b":2}}`, "success", `{"targetObject":{"a":1,"b":2}}`},
	{"assign", `{"target":{"a":1},"sourceN":[{"b":2},{"c":3}]}`, "success", `{"targetObject":{"a":1,"b":2,"c":3}}`},
	{"calculateTimeDiff", `{"firstTime":{"time":"2023-01-01"},"secondTime":{"time":"2023-01-31"}}`, "success", `{"timeDiff":{"milliseconds":-2592000000,"seconds":-2592000,"minutes":-43200,"hours":-720,"days":-30,"months":-0.9856465225158627,"years":-0.08213721020965523}}`},
	{"calculateTimeDiff", `{"firstTime":{"time":"2023-01-01"},"secondTime":{}}`, "error", "secondTime"},
	{"charAt", `{"str":"Hello World","index":1}`, "success", `{"character":"e"}`},
	{"charCodeAt", `{"str":"abc","index":9}`, "success", `{"code":null}`},
	{"codePointAt", `{"str":"a😀","pos":1}`, "success", `{"codePointValue":128512}`},
	{"codePointAt", `{"str":"a","pos":9}`, "failure", `{"codePointValue":null}`},
	{"concatArray", `{"arr":[],"arrayN":[1]}`, "success", `{"combinedArray":[1]}`},
	{"convertEpochToObject", `{"epoch":1688050800,"epochFormat":"Seconds","newFormatString":""}`, "success", `{"convertedTime":{"time":"2023-06-29T15:00:00.000000+0000","formatString":"YYYY-MM-DDTHH:mm:ss.SSSSSSZZ"}}`},
	{"convertEpochToObject", `{"epoch":1,"epochFormat":"Days"}`, "error", "one of"},
	{"convertTimeFormat", `{"inputTime":{"time":"2023-04-28T01:21:14.052000-1100"},"newFormatString":"DDDD"}`, "success", `{"convertedTime":{"time":"118","formatString":"DDDD"}}`},
	{"convertTimeToEpoch", `{"inputTime":{"time":"2023-06-29T15:00:00Z"},"EpochFormat":"Seconds"}`, "success", `{"epochTime":1688050800}`},
	{"convertTimezone", `{"inputTime":{"time":"03:00","formatString":"HH:mm"},"NewTimezone":"-02:00"}`, "success", `{"convertedTime":{"time":"01:00","formatString":"HH:mm"}}`},
	{"convertTimezone", `{"inputTime":{"time":"03:00","formatString":"HH:mm"},"NewTimezone":"Local"}`, "error", "no time zone"},
	{"copyWithin", `{"arr":["a","b","c","d"],"target":2,"start":0,"end":2}`, "success", `{"copiedArray":["a","b","a","b"]}`},
	{"csvStringToJson", `{"csvString":"a,b\n1,\"x,y\"\n"}`, "success", `{"json":[{"a":"1","b":"x,y"}]}`},
	{"csvStringToJson", `{"csvString":"a;b\n1;2;3","delimiter":";"}`, "success", `{"json":[{"a":"1","b":"2","field3":"3"}]}`},
	{"csvStringToJson", `{"csvString":"a\n\"x"}`, "error", "no CSV"},
	{"decision", `{"decisionArray":[{"conditions":[{"operand_1":{"task":"job","variable":"n"},"operator":">","operand_2":{"task":"static","variable":5}}],"target":"a"},{"conditions":[],"target":"b"}]}`, "success", `{"return_value":"b"}`},
	{"decision", `{"decisionArray":[]}`, "failure", `{"return_value":null}`},
	{"decision", `{"decisionArray":[{"conditions":[{"operand_1":{"task":"a1","variable":"x"},"operator":"=="}]}]}`, "error", "job variables only"},
	{"deepmerge", `{"data_to_merge":[{"key":"","value":{"a":{"x":1},"l":[1]}},{"value":{"a":{"y":2},"l":[2]}},{"value":5}]}`, "success", `{"merged_object":{"a":{"x":1,"y":2},"l":[1,2]}}`},
	{"delay", `{"time":"60"}`, "success", `{"time_in_milliseconds":60000}`},
	{"delay", `{"time":-1}`, "error", "must be from 0"},
	{"endsWith", `{"str":"Hello world, welcome.","searchString":"world","length":11}`, "success", `{"result":true}`},
	{"evaluation", `{"evaluation_groups":[]}`, "failure", ``},
	{"evaluation", `{"all_true_flag":true,"evaluation_groups":[]}`, "success", `{"return_value":true}`},
	{"evaluation", `{"evaluation_groups":{}}`, "error", "must be an array"},
	{"excelToJson", `{"excel":"AAAA"}`, "error", "no workbook"},
	{"expression", `{"expression":"n * 2 + len(list)"}`, "success", `{"result":6}`},
	{"expression", `{"expression":"a + now().Year()","variables":{"a":1}}`, "success", `{"result":2027}`},
	{"expression", `{"expression":"1 +"}`, "error", "line 1, column"},
	{"extractField", `{"obj":[{"a":1},{"b":2}],"field":"a"}`, "success", `{"result":[1,null]}`},
	{"extractField", `{"obj":{"a":1},"field":"b"}`, "failure", `{"result":null}`},
	{"fill", `{"arr":[1,2,3],"value":"x","start":1,"end":""}`, "success", `{"filledArray":[1,"x","x"]}`},
	{"getTime", `{"timezone":"-04:00","offsetDuration":{"days":1},"format":""}`, "success", `{"time":{"time":"2026-03-05T01:06:07.089000-0400","formatString":"YYYY-MM-DDTHH:mm:ss.SSSSSSZZ"}}`},
	{"getTime", `{"timezone":"Mars/Base"}`, "error", "no time zone"},
	{"includes", `{"str":"unsubscribe","searchString":"sub","position":0}`, "success", `{"result":true}`},
	{"indexOf", `{"str":"abcabc","searchValue":"c","fromIndex":3}`, "success", `{"index":5}`},
	{"isArray", `{"arr":[]}`, "success", `{"isAnArray":true}`},
	{"isArray", `{"arr":"[]"}`, "success", `{"isAnArray":false}`},
	{"join", `{"arr":[1,null,"x"],"separator":"<br>"}`, "success", `{"joinedElements":"1<br><br>x"}`},
	{"keys", `{"obj":{"b":1,"10":2,"2":3}}`, "success", `{"keys":["2","10","b"]}`},
	{"lastIndexOf", `{"str":"canal","searchValue":"a","fromIndex":""}`, "success", `{"index":3}`},
	{"localeCompare", `{"referenceStr":"a","compareString":"b"}`, "success", `{"compareResult":-1}`},
	{"makeData", `{"input":"[\"<!x!>\",<!y!>]","outputType":"json","variables":{"x":"a","y":{"q":1}}}`, "success", `{"output":["a",{"q":1}]}`},
	{"makeData", `{"input":"<!a!> <!b!> <! <!a!>","outputType":"string","variables":{"a":1}}`, "success", `{"output":"1 <!b!> <! 1"}`},
	{"makeData", `{"input":" 0x10 ","outputType":"number","variables":""}`, "success", `{"output":16}`},
	{"makeData", `{"input":"True","outputType":"boolean"}`, "success", `{"output":true}`},
	{"makeData", `{"input":"x","outputType":"number"}`, "error", "not a number"},
	{"makeData", `{"input":"{","outputType":"json"}`, "error", "no JSON"},
	{"makeData", `{"input":"maybe","outputType":"boolean"}`, "error", "neither"},
	{"map", `{"arr":["a","b"],"map":[1,2]}`, "success", `{"result":{"a":1,"b":2}}`},
	{"map", `{"arr":["a"],"map":[]}`, "error", "same length"},
	{"match", `{"str":"Hello World","regExp":"/o/","flags":"g"}`, "success", `{"matches":["o","o"]}`},
	{"match", `{"str":"x","regExp":"y"}`, "success", `{"matches":null}`},
	{"match", `{"str":"x","regExp":"("}`, "error", "("},
	{"merge", `{"data_to_merge":[{"key":"a","value":1},{"key":"b"},{"key":"c","value":null}]}`, "success", `{"merged_object":{"a":1,"c":null}}`},
	{"merge", `{"data_to_merge":[{"key":"a","value":1},{"key":"b","value":2},{"key":"a","value":3}]}`, "success", `{"merged_object":{"a":[1,3],"b":2}}`},
	{"merge", `{"data_to_merge":[{"value":1},{"key":"","value":[2]},{}]}`, "success", `{"merged_object":[1,[2],null]}`},
	{"merge", `{"data_to_merge":[{"key":"a","value":1},{"value":2}]}`, "error", "all entries"},
	{"modify", `{"object_to_update":{"a":{"b":1}},"query":"a.b","new_value":[2]}`, "success", `{"updated_object":{"a":{"b":[2]}}}`},
	{"modify", `{"object_to_update":{"a":1},"query":"","new_value":2}`, "success", `{"updated_object":2}`},
	{"modify", `{"object_to_update":{"a":1},"query":"x.y","new_value":2}`, "failure", `{"updated_object":null}`},
	{"newVariable", `{"name":"x","value":{"a":1}}`, "success", `{"value":{"a":1}}`},
	{"newVariable", `{"name":"a.b","value":1}`, "error", "point"},
	{"newVariable", `{"name":"_id","value":1}`, "error", "belongs to the engine"},
	{"normalize", `{"str":"e\u0301","form":"NFC"}`, "success", `{"normalizedString":"é"}`},
	{"normalize", `{"str":"e","form":"NFX"}`, "error", "one of"},
	{"numberToString", `{"num":255,"radix":16}`, "success", `{"numToString":"ff"}`},
	{"numberToString", `{"num":"1e3"}`, "success", `{"numToString":"1000"}`},
	{"numberToString", `{"num":1,"radix":1}`, "error", "radix"},
	{"objectHasOwnProperty", `{"obj":{"name":null},"prop":"name"}`, "success", `{"result":true}`},
	{"objectToString", `{"value":{"b":1,"a":[1]},"replacer":"","space":1}`, "success", `{"stringified":"{\n \"b\": 1,\n \"a\": [\n  1\n ]\n}"}`},
	{"objectToString", `{"obj":{"a":1},"replacer":[]}`, "success", `{"stringified":"{}"}`},
	{"objectToString", `{}`, "failure", `{"stringified":null}`},
	{"padEnd", `{"str":"5","targetLength":3,"padString":"ab"}`, "success", `{"paddedString":"5ab"}`},
	{"padStart", `{"str":"Hello World","targetLength":"14","padString":"123"}`, "success", `{"paddedString":"123Hello World"}`},
	{"padStart", `{"str":"x","targetLength":1e12,"padString":"y"}`, "error", ""},
	{"parse", `{"text":"{\"a\":1}"}`, "success", `{"textObject":{"a":1}}`},
	{"parse", `{"text":"{a:1}"}`, "error", "line 1, column 2"},
	{"parseInt", `{"str":"1.655"}`, "success", `{"result":1}`},
	{"parseInt", `{"str":"x"}`, "success", `{"result":null}`},
	{"parseTemplate", `{"name":"devices","text":"r1 10.0.0.1\nr2 10.0.0.2"}`, "success", `{"parsedTemplate":[{"NAME":"r1","IP":"10.0.0.1"},{"NAME":"r2","IP":"10.0.0.2"}]}`},
	{"parseTemplate", `{"name":"hello","text":""}`, "error", "must be of type textfsm"},
	{"pop", `{"job_variable":"list"}`, "success", `{"popped_item":"b","job_variable_value":"b"}`},
	{"pop", `{"job_variable":"none"}`, "failure", `{"popped_item":null}`},
	{"pop", `{"job_variable":"text"}`, "error", "must be an array"},
	{"push", `{"job_variable":"list","item_to_push":{"c":1}}`, "success", `{"job_variable_value":["a","b",{"c":1}]}`},
	{"push", `{"job_variable":"missing","item_to_push":1}`, "error", "not nothing"},
	{"pushToArray", `{"job_variable":"none","item_to_push":1}`, "success", `{"job_variable_value":[1]}`},
	{"query", `{"obj":{"a":{"b":null}},"query":"a.b","pass_on_null":false}`, "success", `{"return_data":null}`},
	{"query", `{"obj":{"a":[1,2]},"query":"a[5]","pass_on_null":false}`, "failure", `{"return_data":null}`},
	{"query", `{"obj":{"a":[1]},"query":"x","pass_on_null":"true"}`, "success", `{"return_data":{"a":[1]}}`},
	{"query", `{"obj":{},"query":"a[","pass_on_null":false}`, "error", "query"},
	{"reattempt", `{"attemptID":"first","minutes":5,"attempts":2}`, "success", `{"response":"attempt 1 of 2"}`},
	{"reattempt", `{"attemptID":"late","minutes":5,"attempts":2}`, "error", "used up"},
	{"renderJinjaTemplate", `{"name":"hello","context":{"who":"you"}}`, "success", `{"renderedTemplate":"Hello you!"}`},
	{"renderJinjaTemplate", `{"name":"broken","context":{}}`, "error", "broken"},
	{"renderJinjaTemplate", `{"name":"unknown"}`, "error", "there is no template"},
	{"repeat", `{"str":"Hello World","count":2}`, "success", `{"repeatedString":"Hello WorldHello World"}`},
	{"repeat", `{"str":"aaaaaaaaaaaaaaaa","count":1e8}`, "error", "bytes"},
	{"replace", `{"str":"a.b.c","substr":".","newSubstr":"-"}`, "success", `{"replacedString":"a-b.c"}`},
	{"reverse", `{"arr":["1","2","3"]}`, "success", `{"reversedArray":["3","2","1"]}`},
	{"search", `{"str":"Hello World","regexp":"or"}`, "success", `{"index":7}`},
	{"setObjectKey", `{"obj":{"a":{"x":1}},"path":["a","b","c"],"value":2}`, "success", `{"object":{"a":{"x":1,"b":{"c":2}}}}`},
	{"setObjectKey", `{"obj":[{"a":1}],"path":[0,"a"],"value":2}`, "success", `{"object":[{"a":2}]}`},
	{"setObjectKey", `{"obj":[1],"path":["x"],"value":2}`, "error", "no index"},
	{"setObjectKey", `{"obj":{},"path":[],"value":2}`, "error", "path"},
	{"shift", `{"job_variable":"list"}`, "success", `{"shifted_item":"a","job_variable_value":"a"}`},
	{"shift", `{"job_variable":"none"}`, "failure", `{"shifted_item":null}`},
	{"slice", `{"str":"800-555-1212","beginIndex":7,"endIndex":4}`, "success", `{"slicedString":""}`},
	{"sort", `{"arr":[10,9,"b","a",null]}`, "success", `{"response":[9,10,"a","b",null]}`},
	{"sort", `{"arr":[{"name":"cat"},{"name":"ant"},{"name":"Lion"}],"key":"name","limit":2,"reverse":false}`, "success", `{"response":[{"name":"Lion"},{"name":"ant"}]}`},
	{"splice", `{"arr":[1,2,3],"start":1,"deleteCount":1,"elementN":[9,8]}`, "success", `{"splicedArray":[1,9,8,3]}`},
	{"split", `{"str":"a,b,c","separator":",","limit":2}`, "success", `{"splitArray":["a","b"]}`},
	{"startsWith", `{"str":"Hello World","searchString":"W","position":6}`, "success", `{"result":true}`},
	{"stringConcat", `{"str":"# ","stringN":["a",1]}`, "success", `{"combinedStrings":"# a1"}`},
	{"stringIncludes", `{"str":"abc","searchString":"d"}`, "success", `{"result":false}`},
	{"stringIndexOf", `{"str":"abc","searchValue":"c"}`, "success", `{"index":2}`},
	{"stringLastIndexOf", `{"str":"abcabc","searchValue":"a"}`, "success", `{"index":3}`},
	{"stringLength", `{"str":"😀"}`, "success", `{"length":2}`},
	{"stringLength", `{"str":["x"]}`, "error", "a string, not an array"},
	{"stringSlice", `{"str":"abc","beginIndex":-2}`, "success", `{"slicedString":"bc"}`},
	{"stringValueOf", `{"str":"abc"}`, "success", `{"value":"abc"}`},
	{"stub", `{"type":"success","delay":"","response":""}`, "success", `{"response":""}`},
	{"stub", `{"type":"error","delay":1,"response":"no"}`, "error", "no"},
	{"substring", `{"str":"800-555-1212","indexStart":17,"indexEnd":""}`, "success", `{"substring":""}`},
	{"substring", `{"str":"abcdef","indexStart":4,"indexEnd":2}`, "success", `{"substring":"cd"}`},
	{"toLocaleLowerCase", `{"str":"ÄB"}`, "success", `{"lowercaseString":"äb"}`},
	{"toLocaleUpperCase", `{"str":"äb"}`, "success", `{"uppercaseString":"ÄB"}`},
	{"toLowerCase", `{"str":"AB"}`, "success", `{"lowercaseString":"ab"}`},
	{"toUpperCase", `{"str":"straße"}`, "success", `{"uppercaseString":"STRASSE"}`},
	{"transformation", `{"tr_id":"upper","variableMap":{"name":"ann"},"options":{"extractOutput":true,"validateIncoming":true}}`, "success", `{"loud":"ANN"}`},
	{"transformation", `{"tr_id":"upper","variableMap":{"name":"ann"}}`, "success", `{"loud":{"loud":"ANN"}}`},
	{"transformation", `{"tr_id":"upper","variableMap":{"name":5},"options":{"validateIncoming":true}}`, "error", "name"},
	{"transformation", `{"tr_id":"nothing"}`, "error", "there is no transformation"},
	{"trim", `{"str":" a\t"}`, "success", `{"noWhitespace":"a"}`},
	{"trimEnd", `{"str":" a "}`, "success", `{"trimmedEnd":" a"}`},
	{"trimStart", `{"str":" a "}`, "success", `{"trimmedStart":"a "}`},
	{"unshift", `{"arr":["old"],"elementN":"new"}`, "success", `{"unshiftedArray":["new","old"]}`},
	{"updateJobDescription", `{"description":"new"}`, "success", `{}`},
	{"updateJobDescription", `{"description":""}`, "error", "must not be empty"},
	{"validateJsonSchema", `{"jsonData":{"a":1},"schema":{"type":"object","required":["a"]}}`, "success", `{"result":{"valid":true,"errors":[]}}`},
	{"validateJsonSchema", `{"jsonData":1,"schema":{"$ref":"http://example.com/x"}}`, "error", "schema"},
	{"values", `{"obj":{"first":"a","last":"b"}}`, "success", `{"values":["a","b"]}`},
}

func TestTasks(t *testing.T) {
	t.Parallel()
	for _, tc := range cases {
		t.Run(tc.task, func(t *testing.T) {
			t.Parallel()
			got := lookup(t, tc.task).Run(testCall(t, tc.in))
			if got.State != tc.state {
				t.Fatalf("%s: state %q with %s%s, want %q", tc.in, got.State, got.Outgoing, got.Error, tc.state)
			}
			if tc.state == workflows.Failed {
				if text := got.Error.Get("message").Text(); !strings.Contains(text, tc.want) {
					t.Errorf("%s: message %q, want one with %q", tc.in, text, tc.want)
				}
				return
			}
			if got := got.Outgoing.String(); got != tc.want {
				t.Errorf("%s: outgoing\n got %s\nwant %s", tc.in, got, tc.want)
			}
		})
	}
}

func TestTasks_covered(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, tc := range cases {
		seen[tc.task] = seen[tc.task] || tc.state == workflows.Success
	}
	for _, task := range Tasks() {
		if n := task.Method.Name; task.Run != nil && !task.Outside && n != "excelToJson" && !seen[n] {
			t.Errorf("no case where %s succeeds", n)
		}
	}
}

func TestTasks_missingParameter(t *testing.T) {
	t.Parallel()
	for _, task := range Tasks() {
		if task.Run == nil {
			continue
		}
		for _, p := range task.Method.Incoming {
			if !p.Required {
				continue
			}
			got := task.Run(testCall(t, `{}`))
			if got.State != workflows.Failed || got.Error.Get("class").Text() != engine.ClassInput {
				t.Errorf("%s without parameters: %q with %s, want an error of class %q", task.Method.Name, got.State, got.Error, engine.ClassInput)
			}
			break
		}
	}
}

func TestTasks_sideEffects(t *testing.T) {
	t.Parallel()
	run := func(name, in string) engine.Outcome { return lookup(t, name).Run(testCall(t, in)) }
	if got := run("newVariable", `{"name":"x","value":1}`).Writes; len(got) != 1 || got[0].Name != "x" || got[0].Value.String() != "1" {
		t.Errorf("newVariable writes %v", got)
	}
	if got := run("pop", `{"job_variable":"list"}`).Writes; len(got) != 1 || got[0].Value.String() != `["a"]` {
		t.Errorf("pop writes %v", got)
	}
	if got := run("shift", `{"job_variable":"list"}`).Writes; len(got) != 1 || got[0].Value.String() != `["b"]` {
		t.Errorf("shift writes %v", got)
	}
	if got := run("pop", `{"job_variable":"none"}`).Writes; len(got) != 0 {
		t.Errorf("a failing pop writes %v", got)
	}
	if got := run("delay", `{"time":1.5}`).Delay; got != 1500 {
		t.Errorf("delay %d, want 1500", got)
	}
	if got := run("stub", `{"type":"error","delay":2}`).Delay; got != 2000 {
		t.Errorf("delay of a failing stub %d, want 2000", got)
	}
	if got := run("updateJobDescription", `{"description":"d"}`).Describe; got != "d" {
		t.Errorf("description %q", got)
	}
	first, last := run("reattempt", `{"attemptID":"new","minutes":1,"attempts":1}`), run("reattempt", `{"attemptID":"late","minutes":1,"attempts":2}`)
	if first.Delay != 60_000 || len(first.Counters) != 1 || first.Counters[0] != (engine.Count{Name: "reattempt/new", N: 1}) {
		t.Errorf("first attempt: delay %d, counters %v", first.Delay, first.Counters)
	}
	if last.Delay != 0 || len(last.Counters) != 1 || last.Counters[0].N != 3 {
		t.Errorf("last attempt: delay %d, counters %v", last.Delay, last.Counters)
	}
}

func TestTasks_tooDeep(t *testing.T) {
	t.Parallel()
	deep := value.Int(1)
	for range value.MaxDepth {
		deep = value.Array(deep)
	}
	c := testCall(t, `{}`)
	c.Incoming = value.Object("arr", value.Array(), "elementN", deep)
	if got := lookup(t, "arrayPush").Run(c); got.State != workflows.Failed || got.Error.Get("class").Text() != engine.ClassLimit {
		t.Errorf("state %q with %s, want an error of class %q", got.State, got.Error, engine.ClassLimit)
	}
}
