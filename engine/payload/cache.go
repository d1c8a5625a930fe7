package payload

import (
	"container/list"
	"sync"

	"github.com/heddlehq/heddle/workflows/value"
)

// cache keeps the values used last, by what they are called and by what they are.
type cache struct {
	most int

	mu    sync.Mutex
	size  int
	order *list.List // of *cached, the one used last in front
	names map[name]*list.Element
	ids   map[identity]*list.Element
}

type name struct{ family, hash string }

type identity struct {
	family string
	id     value.Identity
}

type cached struct {
	name
	whole value.Value
	size  int // of the text
}

// weight is what a value counts for: its text, and its elements when they are in other texts.
func (v *cached) weight() int { return v.size + 16*v.whole.Len() }

func newCache(most int) *cache {
	return &cache{most: most, order: list.New(), names: map[name]*list.Element{}, ids: map[identity]*list.Element{}}
}

func (c *cache) get(family, hash string) (value.Value, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.names[name{family, hash}]
	if !ok {
		return value.Absent, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).whole, true
}

// hash gives the name and size of a value in the cache.
func (c *cache) hash(family string, id value.Identity) (string, int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.ids[identity{family, id}]
	if !ok {
		return "", 0, false
	}
	c.order.MoveToFront(e)
	v := e.Value.(*cached)
	return v.hash, v.size, true
}

func (c *cache) add(family, hash string, v value.Value, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &cached{name{family, hash}, v, size}
	if _, there := c.names[n.name]; there || n.weight() > c.most {
		return
	}
	e := c.order.PushFront(n)
	c.names[n.name], c.ids[identity{family, v.Identity()}] = e, e
	for c.size += n.weight(); c.size > c.most; {
		oldest := c.order.Back()
		v := oldest.Value.(*cached)
		c.order.Remove(oldest)
		delete(c.names, v.name)
		delete(c.ids, identity{v.family, v.whole.Identity()})
		c.size -= v.weight()
	}
}
