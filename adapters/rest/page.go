package rest

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// Paging says how a service hands out long lists.
type Paging struct {
	Style         string `json:"style" enum:"link,next,cursor,page,offset" doc:"link: the Link header says where the next page is; next: the answer does; cursor: the answer has a mark for the next call; page and offset: calls count"`
	Items         string `json:"items,omitempty" doc:"JSON pointer to the list in an answer, such as /results; the whole answer unless given"`
	Next          string `json:"next,omitempty" doc:"JSON pointer to the next address or cursor in an answer; /next unless given"`
	Parameter     string `json:"parameter,omitempty" doc:"query parameter of the cursor, page or offset; called like the style unless given"`
	First         *int   `json:"first,omitempty" doc:"page, offset: number of the first; 1 or 0 unless given"`
	SizeParameter string `json:"sizeParameter,omitempty" doc:"query parameter that asks for pages of a size; limit unless given"`
	Size          int    `json:"size,omitempty" doc:"how many elements a page should have; not asked for unless given"`
	MaxItems      int    `json:"maxItems,omitempty" doc:"how many elements to take at most; 10000 unless given, 100000 at most"`
}

// Bounds of a list in pages.
const (
	defaultItems = 10_000
	maxItems     = 100_000
	maxPages     = 1000
)

// Pages is a list that came in pages.
type Pages struct {
	Items    []value.Value `json:"items"`
	Pages    int           `json:"pages" doc:"how many pages were asked for"`
	Complete bool          `json:"complete" doc:"whether there was nothing more to get"`
}

// Pages gets a list page by page. Every page obeys the rules of [Client.Do], and all of them
// together those for the size of one answer, times ten. The error of a page has what came before it.
func (c *Client) Pages(ctx context.Context, r Request, p Paging) (Pages, error) {
	out := Pages{Items: []value.Value{}}
	most, err := network.Bounds("/paging/maxItems", p.MaxItems, defaultItems, maxItems)
	if err != nil {
		return out, err
	}
	place, err := c.address(&r)
	if err != nil {
		return out, err
	}
	if r.Query == nil {
		r.Query = url.Values{}
	}
	if p.Size > 0 {
		r.Query.Set(orElse(p.SizeParameter, "limit"), strconv.Itoa(p.Size))
	}
	number := 0
	if p.Style == "page" {
		number = 1
	}
	if p.First != nil {
		number = *p.First
	}
	size, seen := 0, map[string]bool{}
	for out.Pages < maxPages {
		if p.Style == "page" || p.Style == "offset" {
			r.Query.Set(orElse(p.Parameter, p.Style), strconv.Itoa(number))
		}
		got, err := c.Do(ctx, r)
		if err == nil {
			err = got.Check(http.MethodGet, c.Place(r))
		}
		if err != nil {
			return out, err
		}
		out.Pages++
		items := got.Body.Lookup(p.Items)
		if !items.IsArray() {
			return out, network.Remote(false, "page %d of %s has no list at %q", out.Pages, shown(place), p.Items)
		}
		if size += len(got.Body.String()); int64(size) > 10*c.config.MaxBytes {
			return out, network.TooMuch("the pages are larger than %d bytes", 10*c.config.MaxBytes)
		}
		out.Items = append(out.Items, items.Slice()...)
		next := p.next(got)
		switch p.Style {
		case "page", "offset":
			out.Complete = items.Len() == 0 || items.Len() < p.Size
			number++
			if p.Style == "offset" {
				number += items.Len() - 1
			}
		default:
			out.Complete = next == ""
			if seen[next] {
				return out, network.Remote(false, "page %d of %s leads back to an earlier one", out.Pages, shown(place))
			}
			seen[next] = true
		}
		if len(out.Items) > most {
			out.Items, out.Complete = out.Items[:most], false
			return out, nil
		}
		switch {
		case out.Complete, len(out.Items) == most:
			return out, nil
		case p.Style == "cursor":
			r.Query.Set(orElse(p.Parameter, p.Style), next)
		case p.Style == "link", p.Style == "next":
			if r, err = c.follow(place, r, next); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// next is what an answer says about the page after it; "" at the end.
func (p *Paging) next(got Answer) string {
	if p.Style != "link" {
		return Plain(got.Body.Lookup(orElse(p.Next, "/next")))
	}
	for rest := got.Headers["link"]; ; {
		_, after, ok := strings.Cut(rest, "<")
		target, params, closed := strings.Cut(after, ">")
		if !ok || !closed {
			return ""
		}
		params, _, _ = strings.Cut(params, "<")
		rest = after[len(target)+1:]
		for param := range strings.FieldsFuncSeq(params, func(r rune) bool { return r == ';' || r == ',' }) {
			name, rel, _ := strings.Cut(strings.TrimSpace(param), "=")
			if strings.EqualFold(name, "rel") && strings.EqualFold(strings.Trim(rel, `"`), "next") {
				return target
			}
		}
	}
}

// follow is the request for the next page, at the service of the first.
func (c *Client) follow(first *url.URL, r Request, next string) (Request, error) {
	u, err := first.Parse(next)
	if err != nil {
		return r, network.Remote(false, "the next page of %s is no address", shown(first))
	}
	if !sameOrigin(u, first) {
		return r, network.Wrong("the next page of %s is at another host, %s", shown(first), u.Host)
	}
	r.Path, r.URL, r.Query = "", u.String(), nil
	return r, nil
}

// Plain is a value as text in a query or a header: texts as they are, nothing as "", others as JSON.
func Plain(v value.Value) string {
	switch {
	case v.IsString():
		return v.Text()
	case v.IsNothing():
		return ""
	}
	return v.String()
}
