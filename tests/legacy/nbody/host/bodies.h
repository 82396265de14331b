int nbody;
float mass[100];
