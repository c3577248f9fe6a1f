// Where the services of the map are: in layers, callers above callees, found from the service map alone.

export const NODE = { width: 106, height: 66 };
const GAP = { x: 11, y: 34 };
const BEND = 8; // the room that a line takes which passes a layer
const CROSSING = 120; // as bad as a line that leads so far sideways

/**
 * Places for services `{name, depends_on}`: `{width, height, nodes: Map(name: {x, y}), edges: [{from, to, points}]}`.
 * x and y are of a node's centre; an edge's points lead from the bottom of one to the top of the other.
 */
export function layout(services) {
  const known = new Map(services.map((service) => [service.name, service.depends_on]));
  const depth = depths(known);
  const layers = Array.from({ length: Math.max(0, ...depth.values()) + 1 }, () => []);
  for (const name of known.keys()) layers[depth.get(name)].push({ key: name, width: NODE.width });
  const chains = [];
  for (const [from, needs] of known) {
    for (const to of needs.filter((name) => known.has(name))) chains.push(chain(from, to, depth, layers));
  }
  order(layers, chains);
  const width = Math.max(...layers.map(widthOf));
  const at = places(layers, width);
  const nodes = new Map([...known.keys()].map((name) => [name, at.get(name)]));
  const edges = chains.map((keys) => ({ from: keys[0], to: keys.at(-1), points: points(keys, at) }));
  return { width, height: layers.length * NODE.height + (layers.length - 1) * GAP.y, nodes, edges };
}

/** How far below the uppermost callers each service is: the longest way counts. A circle of calls is cut. */
function depths(known) {
  const depth = new Map([...known.keys()].map((name) => [name, 0]));
  for (let round = 0; round < known.size; round += 1) {
    for (const [from, needs] of known) {
      for (const to of needs) {
        if (depth.has(to) && depth.get(to) <= depth.get(from) && depth.get(from) + 1 < known.size) depth.set(to, depth.get(from) + 1);
      }
    }
  }
  return depth;
}

/** The keys that a call passes, one a layer; layers that it only crosses get a bend. */
function chain(from, to, depth, layers) {
  const keys = [from];
  for (let layer = depth.get(from) + 1; layer < depth.get(to); layer += 1) {
    const key = `${from} ${to} ${layer}`;
    layers[layer].push({ key, width: BEND });
    keys.push(key);
  }
  return [...keys, to];
}

/** Swap members of layers as long as that makes lines shorter or cross less; some dozen services take milliseconds. */
function order(layers, chains) {
  const width = Math.max(...layers.map(widthOf));
  let best = cost(layers, chains, width);
  for (let better = true; better;) {
    better = false;
    for (const layer of layers) {
      for (let one = 0; one < layer.length; one += 1) {
        for (let other = one + 1; other < layer.length; other += 1) {
          swap(layer, one, other);
          const now = cost(layers, chains, width);
          if (now < best - 0.01) [best, better] = [now, true];
          else swap(layer, one, other);
        }
      }
    }
  }
}

function swap(layer, one, other) {
  [layer[one], layer[other]] = [layer[other], layer[one]];
}

/** How far lines lead sideways, and how often two between the same layers cross. */
function cost(layers, chains, width) {
  const at = places(layers, width);
  const segments = chains.flatMap((keys) => keys.slice(1).map((key, index) => [at.get(keys[index]), at.get(key)]));
  let sum = 0;
  segments.forEach(([from, to], index) => {
    sum += Math.abs(from.x - to.x);
    for (const [otherFrom, otherTo] of segments.slice(index + 1)) {
      if (otherFrom.y === from.y && (otherFrom.x - from.x) * (otherTo.x - to.x) < 0) sum += CROSSING;
    }
  });
  return sum;
}

function places(layers, width) {
  const at = new Map();
  layers.forEach((layer, row) => {
    let x = (width - widthOf(layer)) / 2;
    for (const member of layer) {
      at.set(member.key, { x: x + member.width / 2, y: row * (NODE.height + GAP.y) + NODE.height / 2 });
      x += member.width + GAP.x;
    }
  });
  return at;
}

function points(keys, at) {
  const half = NODE.height / 2;
  const inner = keys.slice(1, -1).flatMap((key) => [{ x: at.get(key).x, y: at.get(key).y - half }, { x: at.get(key).x, y: at.get(key).y + half }]);
  const [first, last] = [at.get(keys[0]), at.get(keys.at(-1))];
  return [{ x: first.x, y: first.y + half }, ...inner, { x: last.x, y: last.y - half }];
}

function widthOf(layer) {
  return layer.reduce((sum, member) => sum + member.width + GAP.x, -GAP.x);
}
