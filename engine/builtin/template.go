package builtin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sirikothe/gotextfsm"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// The types of text templates.
const (
	typeJinja2  = "jinja2"
	typeTextFSM = "textfsm"
)

// maxTemplate bounds the text of a template in bytes.
const maxTemplate = 64 << 10

var templateTasks = []Task{
	task(open(of(templateBuilder, automatic(templateBuilder, "applyTemplates", "applyTemplates", "Reads a text by several TextFSM templates.",
		params{may("templates", "array", "the names of the templates"), may("text", "string", "the text")},
		params{gives("result", "object", "the records by the names of the templates")}))), applyTemplates),
	task(open(of(templateBuilder, automatic(templateBuilder, "parseTemplate", "parseTemplate", "Reads a text by a TextFSM template.",
		params{may("name", "string", "the template"), may("text", "string", "the text")},
		params{gives("parsedTemplate", "array", "the records")}))), parseTemplate),
	task(of(templateBuilder, automatic(templateBuilder, "renderJinjaTemplate", "renderJinjaTemplate", "Fills a Jinja2 template.",
		params{need("name", "string", "the template"), may("context", "", "the variables by name")},
		params{gives("renderedTemplate", "string", "the text")})), renderTemplate),
}

// template finds a template that must be of the given type; one without a type is Jinja2.
func template(c *Call, name, typ string) (Template, error) {
	if c.Documents == nil {
		return Template{}, missing("template", name, ErrNotFound)
	}
	t, err := c.Documents.Template(name)
	if err != nil {
		return Template{}, missing("template", name, err)
	}
	if t.Type == "" {
		t.Type = typeJinja2
	}
	if t.Type != typ {
		return Template{}, badDocument("the template %q must be of type %s, not %s", clip(name), typ, clip(t.Type))
	}
	if len(t.Text) > maxTemplate {
		return Template{}, tooMuch("the template %q is longer than %d bytes", clip(name), maxTemplate)
	}
	return t, nil
}

func renderTemplate(c *Call) engine.Outcome {
	key, err := name(c.Incoming, "name")
	if err != nil {
		return failed(err)
	}
	t, err := template(c, key, typeJinja2)
	if err != nil {
		return failed(err)
	}
	context := c.Incoming.Get("context")
	if !context.IsObject() && !context.IsNothing() && context.Text() != "" {
		return failed(badInput("\"context\" must be an object, not %s", kindOf(context)))
	}
	out, err := renderJinja(t.Text, context)
	if err != nil {
		return failed(err)
	}
	return engine.Succeed("renderedTemplate", value.String(out))
}

func parseTemplate(c *Call) engine.Outcome {
	key, err := name(c.Incoming, "name")
	if err != nil {
		return failed(err)
	}
	records, err := readByTemplate(c, key)
	if err != nil {
		return failed(err)
	}
	return engine.Succeed("parsedTemplate", records)
}

func applyTemplates(c *Call) engine.Outcome {
	var out value.Members
	for _, key := range c.Incoming.Get("templates").Elements() {
		records, err := readByTemplate(c, key.Text())
		if err != nil {
			return failed(err)
		}
		out.Set(key.Text(), records)
	}
	return engine.Succeed("result", out.Value())
}

// readByTemplate reads the parameter "text" by a TextFSM template.
func readByTemplate(c *Call, key string) (value.Value, error) {
	t, err := template(c, key, typeTextFSM)
	if err != nil {
		return value.Absent, err
	}
	out, err := ReadTextFSM(t.Text, c.Incoming.Get("text").Text())
	switch {
	case errors.Is(err, ErrTemplate):
		return value.Absent, badDocument("the template %q: %s", clip(key), err)
	case err != nil:
		return value.Absent, badData("the text does not fit the template %q: %s", clip(key), err)
	}
	return out, nil
}

// ErrTemplate says that a template is at fault, not the text it was to read.
var ErrTemplate = errors.New("the template is broken")

// ReadTextFSM reads a text by a TextFSM template into an array of records, each with the
// template's values in their order. The error is [ErrTemplate] when the template cannot be used.
func ReadTextFSM(template, text string) (out value.Value, err error) {
	defer func() {
		if r := recover(); r != nil { // the library's, on templates it did not foresee
			out, err = value.Absent, fmt.Errorf("%w: %v", ErrTemplate, r)
		}
	}()
	fsm := gotextfsm.TextFSM{}
	if err := fsm.ParseString(template); err != nil {
		return value.Absent, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	parser := gotextfsm.ParserOutput{}
	if err := parser.ParseTextString(text, fsm, true); err != nil {
		return value.Absent, err
	}
	names := valueNames(template)
	records := make([]value.Value, len(parser.Dict))
	for i, record := range parser.Dict {
		var m value.Members
		for _, n := range names {
			if v, ok := record[n]; ok {
				m.Set(n, value.Of(v))
			}
		}
		records[i] = m.Value()
	}
	return value.Array(records...), nil
}

// valueNames lists the values that a TextFSM template declares: "Value [options] NAME (…)".
func valueNames(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "Value ")
		if !ok {
			continue
		}
		head, _, _ := strings.Cut(rest, "(")
		if words := strings.Fields(head); len(words) > 0 {
			out = append(out, words[len(words)-1])
		}
	}
	return out
}
