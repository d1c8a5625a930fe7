package builtin

import (
	"encoding/base64"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

const groupTools = "Tools"

var dataTasks = []Task{
	opened(function(automatic(groupTools, "asciiToBase64", "asciiToBase64", "Encodes a text in base64.",
		params{need("str", "string", "the text")},
		params{gives("base64", "string", "the encoded text")}),
		func(in value.Value) (value.Value, error) {
			return value.String(base64.StdEncoding.EncodeToString([]byte(in.Get("str").Text()))), nil
		})),
	opened(function(automatic(groupTools, "csvStringToJson", "csvStringToJson", "Reads comma-separated values. The first line names the columns.",
		params{need("csvString", "string", "the text"), may("delimiter", "string", "what separates two values; a comma unless given")},
		params{gives("json", "array", "an object for each line")}), readCSV)),
	opened(function(automatic(groupTools, "excelToJson", "excelToJson", "Reads an Excel workbook (.xlsx). The first row of a sheet names its columns.",
		params{need("excel", "string", "the file in base64"), may("sheet", "string", "the sheet to read; all of them unless given")},
		params{gives("json", "", "an object for each row, as an array or by the names of the sheets")}), readExcel)),
	function(automatic(groupTools, "makeData", "makeData", "Fills placeholders into a text and converts it.",
		params{
			need("input", "string", "the text; <!name!> stands for a variable"),
			oneOf(need("outputType", "string", "what to convert it to"), "string", "json", "number", "boolean"),
			may("variables", "", "the variables by name"),
		},
		params{gives("output", "", "the converted value")}), makeData),
	function(automatic(groupTools, "parse", "parse", "Reads a JSON text.",
		params{need("text", "string", "the text")},
		params{gives("textObject", "", "what it says")}),
		func(in value.Value) (value.Value, error) {
			v, err := value.ParseLast([]byte(in.Get("text").Text()))
			if err != nil {
				return value.Absent, badData("the text is no JSON: %s", err)
			}
			return v, nil
		}),
	function(automatic(groupTools, "validateJsonSchema", "validateJsonSchema", "Checks a value against a JSON Schema.",
		params{may("jsonData", "", "the value to check"), need("schema", "object", "the schema")},
		params{gives("result", "object", "{valid, errors}")}), validateJSON),
}

// fill replaces every <!name!> in s by the variable of that name. What names nothing stays
// as it is.
func fill(s string, variables value.Value) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "<!")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		key, after, closed := strings.Cut(rest, "!>")
		v := variables.Get(key)
		if v.IsAbsent() {
			v = variables.Get(strings.TrimSpace(key))
		}
		if !closed || v.IsAbsent() {
			b.WriteString("<!")
			s = rest
			continue
		}
		filling := text(v)
		if b.Len()+len(filling) > maxText {
			return "", tooMuch("the text would be longer than %d bytes", maxText)
		}
		b.WriteString(filling)
		s = after
	}
}

func makeData(in value.Value) (value.Value, error) {
	s, err := fill(in.Get("input").Text(), in.Get("variables"))
	if err != nil {
		return value.Absent, err
	}
	switch in.Get("outputType").Text() {
	case "json":
		v, err := value.ParseLast([]byte(s))
		if err != nil {
			return value.Absent, badData("the text is no JSON: %s", err)
		}
		return v, nil
	case "number":
		n, ok := number(value.String(s))
		if !ok {
			return value.Absent, badData("%q is not a number", clip(s))
		}
		return value.Number(n), nil
	case "boolean":
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "true":
			return value.True, nil
		case "false":
			return value.False, nil
		}
		return value.Absent, badData("%q is neither true nor false", clip(s))
	}
	return value.String(s), nil
}

func validateJSON(in value.Value) (value.Value, error) {
	s, err := schemas.Compile(in.Get("schema"))
	if err != nil {
		return value.Absent, badInput("\"schema\" cannot be used: %s", err)
	}
	var broken []value.Value
	for _, v := range s.Check(in.Get("jsonData")) {
		broken = append(broken, value.Object(
			"keyword", value.String(v.Keyword), "instancePath", value.String(v.InstancePath),
			"schemaPath", value.String(v.SchemaPath), "message", value.String(v.Message)))
	}
	return value.Object("valid", value.Bool(len(broken) == 0), "errors", value.Array(broken...)), nil
}

func readCSV(in value.Value) (value.Value, error) {
	s := strings.TrimPrefix(in.Get("csvString").Text(), "\uFEFF")
	r := csv.NewReader(strings.NewReader(s))
	r.FieldsPerRecord = -1
	if d := in.Get("delimiter").Text(); d != "" {
		comma, size := utf8.DecodeRuneInString(d)
		if size != len(d) || comma == '"' || comma == '\r' || comma == '\n' || comma == utf8.RuneError {
			return value.Absent, badInput("\"delimiter\" must be one character that is no quote and no line break, not %q", clip(d))
		}
		r.Comma = comma
	}
	var rows [][]value.Value
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return value.Absent, badData("the text is no CSV: %s", err)
		}
		row := make([]value.Value, len(record))
		for i, f := range record {
			row[i] = value.String(f)
		}
		rows = append(rows, row)
	}
	return records(rows), nil
}

// records makes objects of rows, the first of which names the members. Columns without a
// name are called after their number; what goes beyond them as well.
func records(rows [][]value.Value) value.Value {
	if len(rows) == 0 {
		return value.Array()
	}
	column := func(i int) string {
		if i < len(rows[0]) {
			if s := text(rows[0][i]); s != "" {
				return s
			}
		}
		return "field" + text(value.Int(int64(i+1)))
	}
	var out []value.Value
	for _, row := range rows[1:] {
		var m value.Members
		for i, v := range row {
			m.Set(column(i), v)
		}
		if m.Len() > 0 {
			out = append(out, m.Value())
		}
	}
	return value.Array(out...)
}
