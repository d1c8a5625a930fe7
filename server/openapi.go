package server

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// openAPI answers the description of this API: to browsers as a page, to others, and with
// format=json to all, as it is.
func openAPI(c *call) (value.Value, error) {
	if !strings.Contains(c.Request().Header.Get(echo.HeaderAccept), echo.MIMETextHTML) || c.QueryParam("format") == "json" {
		return value.Absent, c.Blob(http.StatusOK, echo.MIMEApplicationJSON, schemas.OpenAPI())
	}
	page, err := openAPIPage()
	if err != nil {
		return value.Absent, err
	}
	sum := sha256.Sum256([]byte(pageStyle))
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy,
		"default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	return value.Absent, c.HTML(http.StatusOK, page)
}

// operation is one of the page's rows.
type operation struct {
	Method, Path, Name, Summary, Permission string
	Parameters                              []parameter
	Body, Answer                            string
}

type parameter struct{ Name, In, Description string }

type section struct {
	Name       string
	Operations []operation
}

// openAPIPage makes the page, once: it needs no script and nothing from elsewhere.
var openAPIPage = sync.OnceValues(func() (string, error) {
	doc, err := value.Parse(schemas.OpenAPI())
	if err != nil {
		return "", err
	}
	by := map[string][]operation{}
	for path, methods := range doc.Get("paths").Members() {
		if strings.HasPrefix(path, "/operations_manager") {
			continue // the same under another name
		}
		for method, op := range methods.Members() {
			o := operation{
				Method: strings.ToUpper(method), Path: path, Name: op.Get("operationId").Text(), Summary: op.Get("summary").Text(),
				Permission: op.Get("x-permission").Text(),
			}
			for _, p := range op.Get("parameters").Elements() {
				if ref := p.Get("$ref").Text(); ref != "" {
					p = doc.Lookup(strings.TrimPrefix(ref, "#"))
				}
				o.Parameters = append(o.Parameters, parameter{p.Get("name").Text(), p.Get("in").Text(), p.Get("description").Text()})
			}
			o.Body = pretty(op.Path("requestBody", "content").At(0).Get("schema"))
			o.Answer = pretty(op.Path("responses", "200", "content").At(0).Get("schema"))
			tag := op.Get("tags").At(0).Text()
			by[tag] = append(by[tag], o)
		}
	}
	var sections []section
	for _, tag := range sortedKeys(by) {
		sections = append(sections, section{tag, by[tag]})
	}
	var b strings.Builder
	err = pageTemplate.Execute(&b, map[string]any{"Style": template.CSS(pageStyle), "About": doc.Path("info", "description").Text(), "Sections": sections})
	return b.String(), err
})

// pretty writes a schema over several lines.
func pretty(v value.Value) string {
	var b strings.Builder
	var write func(v value.Value, margin string)
	write = func(v value.Value, margin string) {
		if v.Len() == 0 || !v.IsObject() && !v.IsArray() {
			b.WriteString(v.String())
			return
		}
		open, end := "{", "}"
		if v.IsArray() {
			open, end = "[", "]"
		}
		b.WriteString(open + "\n")
		for i := range v.Len() {
			b.WriteString(margin + "  ")
			if v.IsObject() {
				b.WriteString(value.String(v.Keys()[i]).String() + ": ")
			}
			write(v.At(i), margin+"  ")
			if i < v.Len()-1 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
		}
		b.WriteString(margin + end)
	}
	if v.IsAbsent() {
		return ""
	}
	write(v, "")
	return b.String()
}

const pageStyle = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2330;background:#fff}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f3f5f8;padding:.6rem;overflow:auto}
summary{cursor:pointer;padding:.3rem 0}summary b{display:inline-block;width:4.5rem}details{border-bottom:1px solid #dde2ea}
small{color:#5a6475}h2{margin-top:2rem}table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#dfe5ee;background:#14181f}pre{background:#1d232d}details{border-color:#2d3542}small{color:#98a3b5}a{color:#8ab4ff}}`

var pageTemplate = template.Must(template.New("openapi").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Heddle API</title><style>{{.Style}}</style></head>
<body><h1>Heddle API</h1><p>{{.About}}</p><p><a href="?format=json">openapi.json</a></p>
{{range .Sections}}<h2 id="{{.Name}}">{{.Name}}</h2>
{{range .Operations}}<details id="{{.Name}}"><summary><b>{{.Method}}</b> <code>{{.Path}}</code> {{.Summary}} <small>{{.Permission}}</small></summary>
{{with .Parameters}}<table>{{range .}}<tr><td><code>{{.Name}}</code></td><td><small>{{.In}}</small></td><td>{{.Description}}</td></tr>{{end}}</table>{{end}}
{{with .Body}}<p>Body</p><pre>{{.}}</pre>{{end}}{{with .Answer}}<p>Answer</p><pre>{{.}}</pre>{{end}}</details>
{{end}}{{end}}</body></html>
`))
