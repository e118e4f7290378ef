# docker build -t flan . ; needs the checkout and the npm registry. `command` of a pod may stay flanneld's: /opt/bin/flanneld.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# koffi comes with prebuilt binaries: nothing is compiled, so no script of a package needs to run.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.types.json ./
COPY scripts/build.mjs scripts/
COPY scripts/build scripts/build
COPY src src
RUN node scripts/build.mjs --release && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
# strongSwan is for backend ipsec alone.
# iptables: `nft` as Debian has it, or `legacy` where the host's other programs (kube-proxy) use that.
ARG IPTABLES=nft
RUN apt-get update \
  && apt-get install -y --no-install-recommends iptables nftables iproute2 \
     strongswan-charon strongswan-swanctl libstrongswan-standard-plugins \
  && update-alternatives --set iptables /usr/sbin/iptables-${IPTABLES} \
  && update-alternatives --set ip6tables /usr/sbin/ip6tables-${IPTABLES} \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/flan
COPY LICENSE README.md CHANGELOG.md ./
COPY bin bin
COPY --from=build /src/package.json ./
COPY --from=build /src/dist dist
COPY --from=build /src/node_modules node_modules
RUN mkdir -p /opt/bin \
  && ln -s /opt/flan/bin/flan.js /usr/local/bin/flan \
  && ln -s /opt/flan/bin/flanneld.js /opt/bin/flanneld
ENTRYPOINT ["/opt/flan/bin/flan.js"]
CMD ["watch"]
