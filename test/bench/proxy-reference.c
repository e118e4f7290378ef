/*
 * What a plain user-space tunnel costs: one thread; one packet per read, sendto, recv and write; poll(2) only when there
 * was neither. The work per packet is that of flannel's udp backend: look the next hop up, take one off the time to
 * live, patch the header checksum. Usage: proxy-reference DEVICE LOCAL-ADDRESS PORT [SUBNET/LENGTH ENDPOINT]...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PEERS 1024

struct peer {
  uint32_t network, mask;
  struct sockaddr_in endpoint;
};

static struct peer peers[MAX_PEERS];
static int peer_count;
static unsigned char packet[65536];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int open_tun(const char *name) {
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (fd < 0) die("/dev/net/tun");
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) < 0) die("TUNSETIFF");
  return fd;
}

static struct sockaddr_in endpoint_of(const char *address, int port) {
  struct sockaddr_in endpoint = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &endpoint.sin_addr) != 1) {
    fprintf(stderr, "not an address: %s\n", address);
    exit(1);
  }
  return endpoint;
}

static const struct sockaddr_in *find(uint32_t destination) {
  for (int i = 0; i < peer_count; i++)
    if ((destination & peers[i].mask) == peers[i].network) return &peers[i].endpoint;
  return NULL;
}

/* 1 when the packet may go on. */
static int take_hop(unsigned char *ip, ssize_t length) {
  if (length < 20 || ip[0] >> 4 != 4 || ip[8] <= 1) return 0;
  ip[8]--;
  uint32_t sum = ((ip[10] << 8) | ip[11]) + 0x0100;
  sum = (sum & 0xffff) + (sum >> 16);
  ip[10] = sum >> 8;
  ip[11] = sum;
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int tun = open_tun(argv[1]);
  int port = atoi(argv[3]);
  int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in local = endpoint_of(argv[2], port);
  if (bind(udp, (struct sockaddr *)&local, sizeof local) < 0) die("bind");
  for (int i = 4; i + 1 < argc && peer_count < MAX_PEERS; i += 2, peer_count++) {
    char *slash = strchr(argv[i], '/');
    int length = slash ? atoi(slash + 1) : 32;
    if (slash) *slash = 0;
    struct peer *peer = &peers[peer_count];
    peer->mask = length == 0 ? 0 : htonl(~0u << (32 - length));
    peer->network = endpoint_of(argv[i], 0).sin_addr.s_addr & peer->mask;
    peer->endpoint = endpoint_of(argv[i + 1], port);
  }
  puts("ready");
  fflush(stdout);
  struct pollfd fds[] = {{.fd = tun, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
  for (;;) {
    if (poll(fds, 2, -1) < 0) {
      if (errno == EINTR) continue;
      die("poll");
    }
    for (int moved = 1; moved;) {
      moved = 0;
      ssize_t got = read(tun, packet, sizeof packet);
      if (got < 0 && errno != EAGAIN) die("read");
      if (got > 0) {
        uint32_t destination;
        moved = 1;
        memcpy(&destination, packet + 16, 4);
        const struct sockaddr_in *endpoint = find(destination);
        if (endpoint && take_hop(packet, got))
          (void)!sendto(udp, packet, got, 0, (const struct sockaddr *)endpoint, sizeof *endpoint);
      }
      got = recv(udp, packet, sizeof packet, 0);
      if (got > 0) {
        moved = 1;
        if (take_hop(packet, got)) (void)!write(tun, packet, got);
      }
    }
  }
}
